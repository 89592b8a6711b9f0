"""Which failures another attempt may mend."""

from __future__ import annotations

import pytest

from containers.executor.retry_policy import is_worth_retrying
from cosmic_fmi.common.contract.outcome import Outcome

KILLED = "RequestId: 1 Error: Runtime exited with error: signal: killed"


def lost(error: str, message: str = "") -> Outcome:
    return Outcome(0, "failed", error, message, lost=True)


def own(error: str) -> Outcome:
    return Outcome(1, "failed", error, "")


@pytest.mark.parametrize(
    "failed",
    [
        [lost("Runtime.ExitError", KILLED)],
        [lost("Runtime.ExitError", KILLED), own("PeerFailure")],
        [lost("Lambda.TooManyRequestsException"), own("Timeout")],
        [lost("Lambda.CodeArtifactUserPendingException"), own("Timeout")],
        [lost("Lambda.ResourceConflictException"), own("PeerFailure")],
        [lost("Lambda.ClientExecutionTimeoutException")],
        [lost("NoOutcome")],
        [own("Timeout"), own("PeerFailure")],
        [own("RendezvousError"), own("Timeout")],  # the server had answered some before it went away
    ],
)
def test_losses_and_what_follows_from_them(failed: list[Outcome]) -> None:
    assert is_worth_retrying(failed)


def test_a_server_that_answered_find_rendezvous_and_no_rank_went_away() -> None:
    said = "cannot reach the rendezvous server 10.1.2.3:10000: Connection refused"
    unanswered = [Outcome(rank, "failed", "RendezvousError", said) for rank in range(2)]
    assert is_worth_retrying(unanswered, "10.1.2.3:10000")
    for another in ("10.1.2.4:10000", "0.1.2.3:10000", "10.1.2.3:1000", None):
        assert not is_worth_retrying(unanswered, another)
    assert not is_worth_retrying([*unanswered, own("ValueError")], "10.1.2.3:10000")


@pytest.mark.parametrize(
    "failed",
    [
        [],
        [own("ValueError"), own("PeerFailure")],
        [own("MismatchError"), own("MismatchError")],
        [lost("Runtime.ExitError", KILLED), own("KeyError")],
        [lost("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: exit status 3")],
        [lost("Runtime.OutOfMemory", KILLED)],
        [lost("Sandbox.Timedout", "Task timed out after 900.00 seconds"), own("PeerFailure")],
        [lost("ScriptError", "rank 0: ValueError: no")],
        [lost("Lambda.Unknown")],
        [own("Runtime.ExitError")],
        [own("RendezvousError"), own("RendezvousError")],
        [own("RendezvousError"), lost("NoOutcome")],
        [own("RendezvousError"), own("PeerFailure"), own("ValueError")],
    ],
)
def test_a_scripts_own_errors_and_limits(failed: list[Outcome]) -> None:
    assert not is_worth_retrying(failed)
