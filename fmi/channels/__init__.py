"""Channels: what carries the messages of a communicator.

    base.py         the interface of a channel, and `World`, what one is made for
    registry.py     channels by name; `fmi.register_channel`
    direct/         TCP connections between the ranks
    storage/        anything that keeps named bytes: Redis, S3, a store of one's own
    loopback.py     messages of a rank to itself
    multi.py        several channels at once: each call goes over the one that policy.py chooses by
    cost_model.py   the time and price of a call over a channel
    traffic.py      how much a call sends, for that model

Imports go from registry to multi, then policy, then cost_model, traffic and base; direct and storage know
only base. Below are `fmi.collectives`, `fmi.transport` and `fmi.rendezvous`.
"""
