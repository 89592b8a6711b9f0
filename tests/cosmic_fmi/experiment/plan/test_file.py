from __future__ import annotations

from pathlib import Path

import pytest

from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.plan.file import read_sweep_file
from cosmic_fmi.experiment.plan.plan import Setting


def written(folder: Path, text: str) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return path


def test_a_grid_settings_beside_it_and_how_often(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{}")
    found = read_sweep_file(
        written(
            tmp_path,
            """\
world_size: [2, 4]
batch_size: 512
memory_mb: [2048, 4096]
runs:
  - {world_size: 50, memory_mb: 10240}
  - partition_mb: 12.5
    files: 8
repetitions: 3
warm_up: 1
seed: 7
shuffle: no
budget_usd: 2.5
payload: p.json
""",
        )
    )
    assert found.grid.axes == {"world_size": (2, 4), "batch_size": (512,), "memory_mb": (2048, 4096)}
    assert found.grid.extra == (Setting(world_size=50, memory_mb=10_240), Setting(partition_mb=12.5, files=8))
    assert (found.repetitions, found.warm_up, found.seed, found.shuffle) == (3, 1, 7, False)
    assert found.budget_usd == 2.5
    assert found.payload == tmp_path / "p.json"
    assert len(found.grid.settings()) == 6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("repetitions: 3", ["nothing to sweep"]),
        ("world_size: [2, four]", ["line 1", "world_size", "'four'", "whole number"]),
        ("world_size: [2]\nbatch_size: 0", ["line 2", "batch_size", "at least 1"]),
        ("world_size: [2]\n\nmemory_mb: [2048, 64]", ["line 3", "memory_mb", "128 and 10240"]),
        ("world_size: [2]\nworlds: [2]", ["line 2", "worlds", "not known", "world_size"]),
        ("world_size: []", ["line 1", "world_size", "empty list"]),
        ("world_size: [2]\nworld_size: [4]", ["line 2", "twice"]),
        ("world_size: {a: 1}", ["line 1", "world_size", "single value"]),
        ("world_size: [[2]]", ["line 1", "world_size", "single value"]),
        ("- 1\n- 2", ["line 1", "keys and values"]),
        ("runs:\n  - world_size: 2\n  - size: 3", ["line 3", "size", "not known"]),
        ("runs:\n  - 3", ["line 2", "keys and values"]),
        ("runs:\n  - {}", ["line 2", "empty"]),
        ("world_size: 2\nshuffle: maybe", ["line 2", "shuffle", "true or false"]),
        ("world_size: 2\nbudget_usd: nan", ["line 2", "budget_usd", "above 0"]),
        ("partition_mb: -1", ["line 1", "partition_mb", "above 0"]),
        ("world_size: 2\npayload: missing.json", ["payload", "missing.json", "no such file"]),
        ("world_size: [2\nbatch_size: 3", ["not YAML", "line 2"]),
        ("world_size: !!python/object/apply:os.getcwd []", ["line 1", "world_size"]),
    ],
)
def test_a_mistake_is_one_sentence_with_line_and_key(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(SweepError) as caught:
        read_sweep_file(written(tmp_path, text))
    message = str(caught.value)
    assert "\n" not in message
    assert "sweep.yaml" in message
    for word in words:
        assert word in message


def test_payload_and_script_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(SweepError, match="not both"):
        read_sweep_file(written(tmp_path, "world_size: 2\npayload: a\nscript: a"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="cannot read"):
        read_sweep_file(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SweepError, match="UTF-8"):
        read_sweep_file(tmp_path / "b.yaml")


def test_the_example_is_a_sweep() -> None:
    assert read_sweep_file(REPOSITORY / "examples" / "sweep.yaml").grid.settings()
