"""A world whose script names a rendezvous server that is not there fails once, and is not run again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from containers.executor import outcomes
from containers.executor.handlers import execute, summarize
from containers.executor.handlers.execute import ScriptError
from containers.executor.handlers.summarize import RankFailure, WorldLost
from tests.containers.executor.conftest import ATTEMPT, BUCKET
from tests.containers.executor.handlers import test_execute, test_summarize

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SCRIPT = """
import os, fmi

direct = {"host": "rendezvous.invalid", "port": 10000, "max_timeout": 1000}
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
fmi.Communicator(rank, size, {"backends": {"Direct": direct}}, "fmi_pair", 512).barrier()
"""


def test_the_world_is_refused_by_its_cause_and_not_lost(s3: S3Client, context: SimpleNamespace) -> None:
    test_execute.upload(s3, SCRIPT)
    for rank in range(2):
        with pytest.raises(ScriptError, match=r"rendezvous\.invalid:10000: its name does not resolve"):
            execute.handler(test_execute.event(rank=rank, world_size=2), context)
        outcome = outcomes.read(BUCKET, ATTEMPT, rank)
        assert outcome.error_type == "RendezvousError"
        assert outcome.ended_at - outcome.started_at < 10
    found = {"rendezvous": {"host": "10.1.2.3", "port": 10000}}  # and not what the script names
    cause = r"^rank 0 failed: RendezvousError: .*rendezvous\.invalid"
    with pytest.raises(RankFailure, match=cause) as caught:
        summarize.handler(test_summarize.event(2) | found, context)
    assert not isinstance(caught.value, WorldLost)
