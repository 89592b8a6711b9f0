"""The algorithms of the collective operations, over a channel that they know as a protocol (_context.py).

    schedule.py                    steps, and what follows them
    moves.py vector.py objects.py  broadcast, gather, scatter, allgather, alltoall; with counts; of objects
    reduce.py allreduce.py scan.py and _chain.py, _halving.py for large messages
    traffic.py                     what each of them sends, for the price model
    _topology.py _segments.py      trees, and messages in pieces

They know nothing of `fmi.transport`, `fmi.rendezvous` and the channels.
"""
