"""What packages of this project share, and what knows none of them.

    files.py   written whole or not at all      s3.py             reading an object to its end
    cores.py   memory.py   of this process      natural_order.py  2.pt before 10.pt
    digests.py   fingerprint.py                 whether values, or files, are the same as before
    numbers.py   durations.py                   as people write and read them
    interrupted.py   extra.py                   how a command ends at Ctrl-C; how an extra is installed

Nothing is imported here, and no module imports another package of this project.
"""
