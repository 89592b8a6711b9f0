"""How two ranks meet.

connector.py   all of them at once    client.py   the rendezvous server's client
hole_punch.py  through NATs           handshake.py   whether it is the right peer
"""
