"""Files of galaxies.

dataset.py      reads any of them             columns.py   torch_file.py (_torch_pickle.py)   one format each
partitions.py   a folder of them              sources.py   partitions from disk or S3, one ahead
extra_columns.py   columns that travel to the predictions     prediction_tables.py   of several ranks
repeats.py         galaxies that come again
"""
