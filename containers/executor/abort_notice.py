"""The last word of a rank that was killed: it could not tell the others, and they would wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from containers.executor.rank_event import RankEvent


def leave(rank: RankEvent, failure: Mapping[str, Any]) -> dict[str, Any]:
    """Tell the other ranks on behalf of this one, whose ``failure`` is the service's ``Error``.

    Ranks that are connected to it have noticed. Those that wait to pair with it get a note at the rendezvous
    server at once, instead of waiting for its time limit, which costs as much as computing.
    """
    if rank.fmi.rendezvous_host is not None:
        import fmi  # noqa: PLC0415  an invocation that runs a script should not pay for it

        fmi.abort_world(str(failure.get("Error", "lost")), rank.environment())
    return {"rank": rank.rank, "status": "told"}
