"""The Direct channel: TCP connections between the ranks.

    channel.py      the channel: sending, receiving, and requests that go on beside other calls
    _peers.py       the connected peers: pairing, waiting, leaving
    _requests.py    messages that their caller does not wait for
    persistent.py   calls that were made before, which the message core carries out

The channel holds peers and requests. Persistent calls use the channel and are not known to it.
"""
