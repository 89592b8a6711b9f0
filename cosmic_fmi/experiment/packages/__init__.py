"""Packages that the image lacks, from a requirements file to an archive in the bucket."""
