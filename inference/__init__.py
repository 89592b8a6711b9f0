"""AstroMAE: photometric redshifts of SDSS-like galaxies from five-band images and magnitudes.

Nothing is imported here, because on Lambda every import is cold-start time: ask for the module you need
(`inference.network.astromae`, `inference.data.dataset`, `inference.engines.base`, `inference.metrics`, ...).
"""
