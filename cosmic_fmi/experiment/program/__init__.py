"""A user's own program: what of it travels to the functions, and how.

options.py   what it is given: arguments, variables, data   secrets.py   values that must not be in the clear
files.py   local_modules.py   its files; modules beside it  junk.py      what stays behind
data.py      its data, in a folder or in S3                 tree.py      keys named by their content
"""
