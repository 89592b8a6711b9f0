"""Channels over anything that keeps named bytes.

    store.py        what such a thing has to do: `fmi.Store`
    redis_store.py  Redis and Valkey as a store
    _redis_client.py  the right server of a cluster, and whether it keeps what it is given
    s3_store.py     S3 as a store
    channel.py      the channel over any store: `fmi.Storage`
    _peers.py       pairing with the others through the store
    _mailbox.py     the keys and the state of the messages with one peer
    _heartbeat.py   which ranks are alive
    _signing.py     names that cannot be guessed, signatures that cannot be forged

Imports go from the two stores to channel, then _peers, then _mailbox, _heartbeat and _signing, then store.
"""
