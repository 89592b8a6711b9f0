"""Can running the whole world once more mend what went wrong?

Yes where ranks were lost to the platform, or the rendezvous server went away, and nothing else happened but
that the others missed them. Never after a script's own error, nor where the rendezvous server's address is
wrong: it would happen again, at the same price.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from cosmic_fmi.common.contract.outcome import Outcome

_MISSED_A_PEER = ("PeerFailure", "Timeout")
"""FMI's errors of a rank that waited for another one in vain. A mismatch is a mistake in the script."""

_UNANSWERED = "RendezvousError"
"""FMI's error of a rank that no rendezvous server has ever answered; its message has the address."""

_LOST = (
    "NoOutcome",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.CodeArtifactUserPendingException",
    "Lambda.ResourceConflictException",
    "Sandbox.Failure",
)
"""Errors of the service with which an invocation ends, or never begins, through no fault of the script.

Not among them: running out of time or memory, which the next attempt would do as well, and
``Lambda.Unknown``, by which older runtimes report both.
"""

_ENDED = "Runtime.ExitError"
_KILLED = "signal: killed"
"""How the end of a runtime's process reads that was killed from outside. A script that ends its own process
leaves an exit status. Being killed for its memory is ``Runtime.OutOfMemory`` where Lambda says so; not all
runtimes do, so the limit of attempts also bounds what that may cost.
"""


def is_worth_retrying(failed: Collection[Outcome], server: str | None = None) -> bool:
    """Whether another attempt with a fresh communicator may succeed.

    Args:
        failed: the ranks that failed.
        server: ``host:port`` of the rendezvous server that FindRendezvous had an answer from.
    """
    unanswered = [one for one in failed if _is_unanswered(one)]
    others = [one for one in failed if not _is_unanswered(one)]
    # The server was there, and went away, if it answered FindRendezvous, or a rank that then waited in vain.
    was_there = all(_names(one, server) for one in unanswered)
    was_there = was_there or any(map(_missed_a_peer, others))
    return bool(failed) and was_there and all(_is_lost(one) or _missed_a_peer(one) for one in others)


def looks_like_memory(outcome: Outcome) -> bool:
    """Whether a rank was killed for its memory, as far as can be told."""
    return outcome.lost and _KILLED in (outcome.error_message or "")


def _is_unanswered(outcome: Outcome) -> bool:
    return not outcome.lost and outcome.error_type == _UNANSWERED


def _names(outcome: Outcome, server: str | None) -> bool:
    message = outcome.error_message or ""
    return server is not None and re.search(rf"(?<![\w.-]){re.escape(server)}(?!\d)", message) is not None


def _missed_a_peer(outcome: Outcome) -> bool:
    return not outcome.lost and outcome.error_type in _MISSED_A_PEER


def _is_lost(outcome: Outcome) -> bool:
    if not outcome.lost:
        return False
    killed = outcome.error_type == _ENDED and _KILLED in (outcome.error_message or "")
    return killed or outcome.error_type in _LOST
