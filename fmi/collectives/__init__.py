"""The algorithms of the collective operations. They know the channel only as a Protocol (context.py).

    bcast.py gather.py allgather.py      one file an operation, over flat arrays; gather.py has scatter and
    alltoall.py barrier.py reduce.py     the variants with counts, allreduce.py has reduce_scatter
    allreduce.py scan.py
    objects.py                           all of them over byte strings of unknown length
    select.py                            which algorithm for which size: every limit in one table
    traffic.py                           how much each operation sends, for the price model
    schedule.py topology.py context.py   steps, neighbours, and what is sent and received with

An operation is two functions: `<name>_peers` says which ranks one rank talks to, so that all connections are
made side by side before the first message, and `<name>` talks. Results go straight into arrays that the
caller passes.

Imports go from the operations to schedule, then context, then select and topology. Nothing here knows
`fmi.channels`, `fmi.transport` or `fmi.rendezvous`.
"""
