"""Bytes between two connected ranks.

    connection.py     one connection to a peer: a frame_reader.py that is a send_queue.py
    poller.py         all connections of a rank: reads and writes what is ready
    spin.py           how long to poll before sleeping, and whether ranks share cores
    mismatch.py       notices that two ranks are in different calls
    liveness.py       notices that a peer's host has vanished
    shutdown.py       closes connections so that nothing sent is lost

Imports go from poller and shutdown to mismatch and liveness, then connection. Nothing here knows
`fmi.collectives`, `fmi.rendezvous` or `fmi.channels`.
"""
