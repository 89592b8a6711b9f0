"""What users call.

    communicator.py                               the class, of these parts:
    _session.py                                   numbers and checks every call, remembers failures
    _typed.py _objects.py _buffers_*.py           calls with a type, of objects, of arrays
    _messages.py _requests.py _progress.py        point to point, and what goes on beside
    _arrays.py _blocks.py                         buffers, and parts of them
    _persistent.py                                calls that are made again and again
    _environment.py                               from_env, finalize, abort_world

Imports go down to `fmi.channels` and `fmi.collectives`.
"""
