"""What everything here is about.

galaxies.py   a table of galaxies     config.py   sizes of a network     errors.py   bad data
"""
