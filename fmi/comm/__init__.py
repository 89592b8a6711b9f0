"""What users call: the communicator.

    communicator.py       `fmi.Communicator`: every method, its arguments, and which function does it
    _typed.py             calls with a type, those of the original
    _objects.py           calls with Python objects
    _buffers_move.py      upper-case calls that move arrays
    _buffers_reduce.py    upper-case calls that combine arrays
    _arrays.py            the arrays that callers pass, and their blocks
    _requests.py          `fmi.Request`, `fmi.waitall`, `fmi.waitany`
    _messages.py          messages between two ranks, and those under way
    _progress.py          the thread that moves requests on
    _session.py           runs every call: numbers it, counts it, and remembers failures
    _persistent.py        remembers calls that may be made again
    _reasons.py           why a communicator ends, as other ranks are told
    _live.py              the communicators of this process, and `fmi.finalize`
    _environment.py       `fmi.from_env`, `fmi.abort_world`

A communicator has a session, and hands it to functions of the modules by kind of call. They build on
_requests, _messages and _session, in this order. Below are `fmi.channels` and `fmi.collectives`. Other
packages import `communicator` alone.
"""
