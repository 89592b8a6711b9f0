"""A rank's script.

bundle.py   its objects, from S3      run.py   runs it      output.py   what it prints
"""
