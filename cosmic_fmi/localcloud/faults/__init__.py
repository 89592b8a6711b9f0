"""What only time brings on AWS, on purpose: `cosmic-fmi local fault`.

switches.py    which faults are on, and how strong
functions.py   functions that are idle, change or are throttled
storage.py     S3 that is asked too often
"""
