"""Files as surveys write them, one class a format, each in blocks.

arrays.py hdf5.py   array_columns.py     arrays of images and what is known of them
fits.py tables.py                        a table and a cutout a row (cutouts.py, found by cutout_files.py)
photometry.py   band_names.py            which columns are magnitudes, and in which unit; which band is which
libraries.py                             what only some formats need
"""
