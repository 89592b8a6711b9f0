"""What is on the wire.

frames.py    between ranks            objects.py   Python objects as bytes
tcpunch.py   with the rendezvous server, which shares this module and nothing else
transfer.py  a message on its way
"""
