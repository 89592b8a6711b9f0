from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiment.errors import PayloadError
from experiment.plan import (
    RunSpec,
    mode_of,
    plan,
    read_payload,
    sample_payload,
    script_payload,
    with_overrides,
)
from experiment.runs import new_execution_id


def test_defaults_are_worlds_of_1_2_and_4() -> None:
    assert [spec.run_id for spec in plan([], [], [], 1)] == ["w1-b512-1", "w2-b512-1", "w4-b512-1"]


def test_every_combination_once_a_repetition() -> None:
    specs = plan([2, 4], [256, 512], [2048, 4096], 2)
    assert len(specs) == 16
    assert len({spec.run_id for spec in specs}) == 16
    assert [spec.repetition for spec in specs] == [1] * 8 + [2] * 8


def test_a_setting_named_twice_is_made_once() -> None:
    assert [spec.world_size for spec in plan([2, 4, 2], [], [], 1)] == [2, 4]


def test_a_payload_decides_what_the_command_line_leaves_open() -> None:
    [spec] = plan([], [], [], 1, payload=Path("my input.json"))
    assert (spec.world_size, spec.batch_size, spec.memory_mb) == (None, None, None)
    assert spec.run_id == "my-input-1"


def test_the_sample_payload_is_the_data_parallel_shape() -> None:
    [spec] = plan([4], [256], [], 1)
    payload = sample_payload(spec, "bucket", "sample/16", "results/x")
    assert payload["world_size"] == 4
    assert payload["batch_size"] == 256
    assert payload["data_prefix"] == "sample/16"
    assert payload["script"].startswith(f"/tmp/{payload['S3_object_name']}/")
    assert mode_of(payload) == "data-parallel"


def test_a_script_runs_in_worlds_of_the_usual_sizes_and_needs_no_result_path() -> None:
    specs = plan([], [], [], 1, script=Path("hello.py"))
    assert [spec.run_id for spec in specs] == ["hello-w1-1", "hello-w2-1", "hello-w4-1"]
    payload = script_payload(specs[2], "bucket", "scripts/hello.py")
    assert payload["world_size"] == 4
    assert payload["script"] == "/tmp/scripts/hello.py"
    assert "result_path" not in payload
    assert mode_of(payload) == "script"


def test_a_payload_is_left_as_it_is_but_for_what_was_asked() -> None:
    payload = {"bucket": "b", "file_limit": "11", "batch_size": "512", "object_type": "folder"}
    assert with_overrides(payload, RunSpec(None, None, None, 1, "p")) == payload
    changed = with_overrides(payload, RunSpec(3, 64, None, 1, "p"))
    assert changed == payload | {"world_size": 3, "batch_size": 64}
    assert "world_size" not in payload
    assert mode_of(payload) == "script"


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


def test_execution_names_are_unique_and_short_enough() -> None:
    spec = RunSpec(1000, 1024, 10240, 100, "a-payload-with-a-very-long")
    names = {new_execution_id(spec) for _ in range(20)}
    assert len(names) == 20
    assert max(len(name) for name in names) <= 80
