"""A synthetic survey.

synthetic.py    galaxies: which ones (population.py), and their light (spectra.py, atlas.json, profiles.py)
cosmology.py    distances                     figures.py   pictures of all that
"""
