"""The Direct channel: TCP connections between the ranks.

    channel.py              the channel: sending, receiving, and requests that go on beside other calls
    frames.py               whole frames on connections, as fast as they can be sent and received
    _connections.py         the connected peers: pairing, waiting, closing
    persistent.py           calls that were made before, one frame a message
    persistent_halving.py   large allreduces that were made before

The channel is one class in three layers: channel imports frames, which imports _connections. Persistent calls
use the channel and are not known to it.
"""
