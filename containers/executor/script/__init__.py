"""A rank's script.

run.py            runs it                              output.py     what it prints
bundle.py         its objects, from S3                 packages.py   packages that the image lacks
bundle_modules.py which modules it imports             archive.py    a ZIP file of packages in S3
check_bundle.py   what is wrong before it runs         hints.py      what to change after an error
sources.py        imports.py                           its source files in S3; what they import
data.py           its share of the data                own_files.py  what it leaves in OUTPUT_PATH
parameters.py     variables from SSM parameters
"""
