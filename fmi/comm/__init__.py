"""What users call: the communicator.

    communicator.py       `fmi.Communicator`: one class, made of the parts below
    _session.py           runs every call: numbers it, counts it, and remembers failures
    _persistent.py        remembers calls that may be made again
    _messages.py          messages between two ranks, and requests
    _typed.py             calls with a type, those of the original
    _objects.py           calls with Python objects
    _buffers_p2p.py _buffers_move.py _buffers_reduce.py   upper-case calls with arrays
    _arrays.py            the arrays that callers pass, and their blocks
    _requests.py          `fmi.Request`, `fmi.waitall`, `fmi.waitany`
    _progress.py          the thread that moves requests on
    _environment.py       `fmi.from_env`, `fmi.finalize`, `fmi.abort_world`

Imports go from communicator to the kinds of calls, then _messages, _persistent and _session. Below are
`fmi.channels` and `fmi.collectives`. Other packages import `communicator` alone.
"""
