"""Bytes between two connected ranks.

    connection.py     one connection to a peer: it has a frame_reader.py and a send_queue.py
    poller.py         all connections of a rank: reads and writes what is ready
    core.py           the message core in C (_core.c), which waits for exactly what is expected
    spin.py           how long to look before sleeping, and whether ranks share cores
    mismatch.py       notices that two ranks are in different calls
    liveness.py       notices that a peer's host has vanished
    shutdown.py       closes connections so that nothing sent is lost

Imports go from poller and shutdown to mismatch and liveness, then connection. Nothing here knows
`fmi.collectives`, `fmi.rendezvous` or `fmi.channels`.
"""
