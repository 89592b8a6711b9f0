"""What everything here is about: galaxies, sizes of the network, what is wrong with data."""
