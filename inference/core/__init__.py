"""What everything here is about.

galaxies.py   a table of galaxies          object_ids.py       their ids       errors.py   bad data
validity.py   which of them are unusable   training_range.py   what a model was trained on
units.py      whether numbers can be magnitudes or fluxes      config.py   sizes of a network
"""
