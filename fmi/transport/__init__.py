"""Bytes between two ranks.

    connection.py     one connection (_frame_reader.py, _send_queue.py)
    poller.py         waits for all of them, spin.py without sleeping, unless oversubscription.py objects
    mismatch.py       ranks that make different calls
    liveness.py       peers that have died            shutdown.py   the end
    socket_options.py loopback.py                     messages of a rank to itself

Nothing here knows collectives or rendezvous.
"""
