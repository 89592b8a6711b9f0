"""How two ranks get a connection to each other.

    connector.py     pairs with many peers side by side, and with those that want this rank
    hole_punch.py    from the peer's address to one authenticated connection
    handshake.py     names of pairings, and the proof that both sides hold the secret
    client.py        the rendezvous server's client
    notes.py         what a failed rank leaves there, sealed
    retry_limit.py   how long a server that does not answer is asked again

Imports go down this list, but for handshake, which is at the bottom. Nothing here knows `fmi.collectives`,
`fmi.transport` or `fmi.channels`.
"""
