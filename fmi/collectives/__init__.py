"""The algorithms of the collective operations. They know the channel only as a Protocol.

    bcast.py gather.py allgather.py      one file an operation, over flat arrays; gather.py has scatter and
    barrier.py reduce.py allreduce.py    the variants with counts, allgather.py has alltoall, allreduce.py
    scan.py                              has reduce_scatter
    objects.py                           all of them over byte strings of unknown length
    select.py                            which schedule for which size: every limit in one table
    schedule.py topology.py              steps and what follows from them; places in trees, ranges
    plans.py                             a call: its schedule and its arrays
    context.py                           carries out schedules; the channel, as a Protocol
    running.py                           calls that nobody waits for: schedules that go on when they can

An operation's file has builders: pure functions from rank, size and counts to the steps of one rank. Whom a
rank talks to, what can be announced, what has to wait and how much is sent follow from the steps. Results go
straight into arrays that the caller passes.

Imports go from plans to select, then the operations, then context, schedule and topology. Nothing here knows
`fmi.channels`, `fmi.transport` or `fmi.rendezvous`.
"""
