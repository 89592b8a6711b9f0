"""What is on the wire.

    frames.py     frames between two ranks
    transfer.py   a message under way
    objects.py    Python objects as bytes
    tcpunch.py    the rendezvous protocol; the rendezvous server shares this module, and it needs neither the
                  others nor NumPy

transfer.py imports frames.py; otherwise these do not know each other.
"""
