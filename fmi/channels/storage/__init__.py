"""Messages through anything that keeps named bytes.

channel.py   the channel, for any store          _watch.py       looking for what has come
store.py     what a store does: redis_store.py, s3_store.py
_mailbox.py  messages as objects                 _peers.py   _hello.py   who is there
_heartbeat.py   who still is                     _signing.py     whose they are
"""
