"""What packages of this project share, and what knows none of them.

    contract/          what executor, script, Summarize and report agree on
    lambda_limits.py   what Lambda gives and allows  s3.py      listings and objects, read to their end
    files.py           written whole or not at all   natural_order.py  2.pt before 10.pt
    cores.py   memory.py   of this process           foreign_text.py    texts of others, safe to show and keep
    digests.py   fingerprint.py                 whether values, or files, are the same as before
    numbers.py   durations.py                   as people write and read them
    interrupted.py   extra.py                   how a command ends at Ctrl-C; how an extra is installed
    checkout.py                                 whether this is a clone or an installation

Nothing is imported here, and no module imports another package of this project.
"""
