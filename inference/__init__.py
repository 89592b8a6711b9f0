"""AstroMAE: photometric redshifts of SDSS-like galaxies from five-band images and magnitudes.

Nothing is imported here, because on Lambda every import is cold-start time: ask for the module you need
(`inference.model`, `inference.dataset`, `inference.engine`, `inference.metrics`, ...).
"""
