"""What can go wrong, as a tree.

    FMIError
    ├── ConfigError (also ValueError)    the configuration or an environment variable is missing or wrong
    ├── Timeout (also TimeoutError)      a deadline passed; `missing` names the ranks that did not come
    ├── PeerFailure                      rank `rank` died, left or aborted; raised on every rank that needs it
    ├── ChannelError                     a service that carries messages (Redis, S3) refused or is unreachable
    │   └── RendezvousError              there is no rendezvous server at the configured address
    ├── MismatchError                    two ranks called different operations, or with different arguments
    └── CommunicatorClosed               the communicator was closed before this call

Wrong arguments are ValueError or TypeError, raised before anything is sent.
Every error here survives pickling, so it can come back from a worker process.
"""

from __future__ import annotations

from collections.abc import Iterable


class FMIError(RuntimeError):
    """Base of every error this library raises by itself."""


class ConfigError(FMIError, ValueError):
    """The configuration is missing something or has something wrong; the message says what to change."""


class ChannelError(FMIError):
    """A service that carries messages (Redis, S3) cannot be reached or refused; the message says which."""


class RendezvousError(ChannelError):
    """The rendezvous server that the configuration names never answered, or is another program.

    Trying again does not help: the name does not resolve, the port is refused, or it is another program's.
    """


class Timeout(FMIError, TimeoutError):  # noqa: N818 - the name in the interface
    """A deadline passed while waiting for other ranks.

    Attributes:
        message: what was waited for.
        missing: the ranks that were waited for, ascending.
    """

    def __init__(self, message: str, missing: Iterable[int] = ()) -> None:
        self.message = message
        self.missing = tuple(sorted(missing))
        super().__init__(message, self.missing)

    def __str__(self) -> str:
        if not self.missing:
            return self.message
        return f"{self.message} (missing: {name_ranks(self.missing)})"


class PeerFailure(FMIError):  # noqa: N818 - the name in the interface
    """A rank died, closed its communicator or aborted.

    Attributes:
        rank: the rank that failed first, which need not be one this rank talks to.
        reason: what is known about why.
    """

    def __init__(self, rank: int, reason: str) -> None:
        self.rank = rank
        self.reason = reason
        super().__init__(rank, reason)

    def __str__(self) -> str:
        return f"rank {self.rank} failed: {self.reason}"


class MismatchError(FMIError):
    """Two ranks do not agree on the operation, its order, type, count, root or function."""


class CommunicatorClosed(FMIError):  # noqa: N818 - reads as what happened
    """The communicator is closed."""


def name_ranks(ranks: Iterable[int]) -> str:
    """`rank 3` or `ranks 1, 4 and 7`, for messages."""
    names = [str(rank) for rank in sorted(ranks)]
    if len(names) == 1:
        return f"rank {names[0]}"
    return f"ranks {', '.join(names[:-1])} and {names[-1]}"
