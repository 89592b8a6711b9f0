"""Packages that the image lacks, from a requirements file to an archive in the bucket.

requirements_file.py   reads and checks the file       platform.py      what the functions run on
pip.py                 pip for that platform           foreign_pip.py   the program that pip.py runs
packages.py            the archive, made and uploaded
"""
