"""What the executor writes into a rank's environment is what the rank, and fmi, read there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import fmi.config
from containers.executor.inputs.settings import OURS
from containers.executor.rank_event import FMISettings, RankEvent
from cosmic_fmi.common.contract.variables import Variable, encode
from inference.rank.environment import RankEnvironment

EVENT = RankEvent(
    rank=1,
    world_size=2,
    execution_id="run-7",
    state_bucket="state",
    outcome_key="o",
    failure_key="f",
    bucket="b",
    object_type="folder",
    S3_object_name="bundle",
    script="/tmp/bundle/main.py",
    data_path=None,
    data_bucket="d",
    data_prefix="25MB",
    data_files=["25MB/1.pt", "25MB/a b.pt"],
    data_version="v",
    stored_result=True,
    batch_size=64,
    result_path="results/x",
    fmi=FMISettings("run-7.1", "a secret", "10.0.0.1", 10007),
)
"""One of two ranks, with partitions and a rendezvous server."""


def test_a_rank_reads_what_the_executor_wrote() -> None:
    given = EVENT.environment() | encode({Variable.DOWNLOAD_SECONDS: 1.5, Variable.WORK_ID: "w"})
    assert RankEnvironment.from_env(given) == RankEnvironment(
        rank=1,
        world_size=2,
        bucket="b",
        result_path="results/x",
        batch_size=64,
        data_bucket="d",
        data_files=("25MB/1.pt", "25MB/a b.pt"),
        execution_id="run-7",
        bundle_download_seconds=1.5,
        work_id="w",
        stored_result=True,
    )


def test_what_is_unset_is_absent() -> None:
    one = replace(
        EVENT, data_files=[], data_bucket=None, stored_result=False, batch_size=None, data_path="/tmp/a.pt"
    )
    read = RankEnvironment.from_env(one.environment())
    assert (read.data_files, read.data_path) == ((), Path("/tmp/a.pt"))
    assert (read.data_bucket, read.work_id, read.stored_result) == (None, None, False)
    assert encode({Variable.RANK: 0, Variable.STORED_RESULT: False}) == {"RANK": "0"}
    assert not {"", "None", "False"} & set(one.environment().values())


def test_fmi_reads_the_names_of_a_world() -> None:
    """fmi is a library of its own and spells them itself."""
    config = fmi.config.resolve({"backends": {"Direct": {"enabled": "true"}}}, EVENT.environment(), True)
    assert (config.host, config.port, config.secret) == ("10.0.0.1", 10007, b"a secret")
    assert config.place == ("run-7.1", 1, 2)


def test_fmi_finds_the_configuration_that_the_executor_wrote(tmp_path: Path) -> None:
    path = tmp_path / "of this world.json"
    path.write_text('{"backends": {"Direct": {"enabled": "true", "host": "10.1.1.1", "port": 7}}}')
    config = fmi.config.resolve("fmi.json", encode({Variable.FMI_CONFIG: path, Variable.FMI_SECRET: "s"}))
    assert (config.host, config.port) == ("10.1.1.1", 7)


@pytest.mark.parametrize("name", ["RANK", "FMI_SECRET", "PAYLOAD_KEY", "STATE_BUCKET", "TMPDIR"])
def test_no_input_may_set_what_the_executor_sets(name: str) -> None:
    assert name in OURS
