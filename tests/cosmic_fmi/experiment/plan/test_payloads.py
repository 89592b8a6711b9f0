from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosmic_fmi.experiment.errors import PayloadError
from cosmic_fmi.experiment.plan.payloads import (
    mode_of,
    read_payload,
    sample_payload,
    script_payload,
    with_overrides,
)
from cosmic_fmi.experiment.plan.plan import RunSpec


def test_the_sample_payload_is_the_data_parallel_shape() -> None:
    payload = sample_payload(RunSpec(4, 256, files=8), "bucket", "sample/16", "results/x")
    assert payload["world_size"] == 4
    assert payload["batch_size"] == 256
    assert payload["data_prefix"] == "sample/16"
    assert payload["file_limit"] == 8
    assert payload["script"].startswith(f"/tmp/{payload['S3_object_name']}/")
    assert mode_of(payload) == "data-parallel"


def test_a_script_needs_no_result_path() -> None:
    payload = script_payload(RunSpec(4), "bucket", "scripts/hello-1a2b", "hello.py")
    assert payload["world_size"] == 4
    assert payload["script"] == "/tmp/scripts/hello-1a2b/hello.py"
    assert "result_path" not in payload
    assert mode_of(payload) == "script"


def test_a_payload_is_left_as_it_is_but_for_what_was_asked() -> None:
    payload = {"bucket": "b", "file_limit": "11", "batch_size": "512", "object_type": "folder"}
    assert with_overrides(payload, RunSpec()) == payload
    changed = with_overrides(payload, RunSpec(3, 64, files=5))
    assert changed == payload | {"world_size": 3, "batch_size": 64, "file_limit": 5}
    assert "world_size" not in payload
    assert mode_of(payload) == "script"


@pytest.mark.parametrize(
    ("prefix", "size", "changed"),
    [("100MB", 25.0, "25MB"), ("Data/25MB/", 0.5, "Data/0.5MB"), ("a/b/2.5MB", 100, "a/b/100MB")],
)
def test_partition_sizes_are_folders_beside_each_other(prefix: str, size: float, changed: str) -> None:
    made = with_overrides({"data_prefix": prefix}, RunSpec(partition_mb=size))
    assert made["data_prefix"] == changed


@pytest.mark.parametrize("prefix", ["data", "25MB/part", "", None])
def test_a_prefix_without_a_size_cannot_be_swept(prefix: str | None) -> None:
    with pytest.raises(PayloadError, match="cosmic-fmi data prepare"):
        with_overrides({"data_prefix": prefix}, RunSpec(partition_mb=25))


@pytest.mark.parametrize(
    ("content", "word"), [("{", "not JSON"), ("[1]", "JSON object"), (None, "cannot read")]
)
def test_a_bad_payload_file_is_one_sentence(tmp_path: Path, content: str | None, word: str) -> None:
    path = tmp_path / "payload.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(PayloadError, match=word) as caught:
        read_payload(path)
    assert "\n" not in str(caught.value)


def test_a_payload_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "payload.json"
    path.write_text(json.dumps({"world_size": "4"}))
    assert read_payload(path) == {"world_size": "4"}
