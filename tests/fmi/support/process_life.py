"""A rank that exits, forks or is held up: `python -m tests.fmi.support.process_life WHAT`.

It joins a barrier, does what its argument says, and says so in lines.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

import numpy as np

import fmi
from tests.fmi.support.worlds import BIG

HELD_S = 3


def say(text: object) -> None:
    print(text, flush=True)


def exit_with(status: str) -> None:
    """Leave the block by sys.exit; "None" and whole numbers are those."""
    with fmi.from_env() as comm:
        comm.barrier()
        sys.exit({"None": None}.get(status, int(status) if status.isdecimal() else status))


def fork_and_leave(how: str) -> None:
    """A child leaves the block; the parent goes on in it."""
    with fmi.from_env() as comm:
        comm.barrier()
        pending = comm.irecv(0)
        child = os.fork()
        if child == 0:
            if how == "raise":
                raise ValueError("only the child is broken")
            if how == "close":
                comm.close()
                comm.abort("only the child")
            sys.exit(0 if how != "status" else 3)
        os.waitpid(child, 0)
        say("left")
        say(pending.wait())
        comm.barrier()
    say("done")


def fork_helper(_: str) -> None:
    """A child that goes on when its parent is dead, as long as somebody holds its standard input open."""
    comm = fmi.from_env()
    comm.barrier()
    if os.fork() == 0:
        say("helping")
        sys.stdin.read()
        os._exit(0)
    signal.pause()


CALLS: dict[str, Callable[[fmi.Communicator], object]] = {
    "send": lambda comm: comm.send("the child's", 0),
    "Isend": lambda comm: comm.Isend(np.ones(1), 0),
    "irecv": lambda comm: comm.irecv(0),
    "barrier": lambda comm: comm.barrier(),
    "split": lambda comm: comm.split(0),
}


def call_in_child(name: str) -> None:
    """The child of a process with a request under way calls what is the parent's."""
    with fmi.from_env() as comm:
        comm.barrier()
        pending = comm.irecv(0)
        child = os.fork()
        if child == 0:
            try:
                pending.wait() if name == "wait" else CALLS[name](comm)
            except fmi.FMIError as error:
                say(f"{type(error).__name__}: {error}")
            os._exit(0)
        os.waitpid(child, 0)
        comm.send("the parent's", 0)
        say(pending.wait())
        comm.barrier()


def hold_the_lock(_: str) -> None:
    """Send in the background, and keep Python's lock in one call of C meanwhile."""
    with fmi.from_env() as comm:
        comm.barrier()
        request = comm.Isend(np.ones(4 * BIG // 8), 0)
        say("held")
        ctypes.PyDLL(None).sleep(HELD_S)
        request.wait()


if __name__ == "__main__":
    {
        "exit": exit_with,
        "leave": fork_and_leave,
        "helper": fork_helper,
        "call": call_in_child,
        "lock": hold_the_lock,
    }[sys.argv[1]](sys.argv[-1])
