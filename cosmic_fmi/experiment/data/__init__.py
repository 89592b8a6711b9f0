"""A user's galaxies as partitions in the bucket: prepare.py makes them, delivery.py uploads them."""
