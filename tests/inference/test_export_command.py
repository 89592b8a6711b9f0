"""The command that writes a checkpoint as an ONNX model, as a user runs it."""

import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from inference import checkpoint
from inference.export import export
from tests.inference.test_model import TINY, scrambled

SCRIPT = Path(__file__).parents[2] / "scripts" / "export_model.py"


@pytest.mark.parametrize(
    ("output", "status", "named"),
    [("tiny.safetensors", 2, "must end in .onnx"), ("file/tiny.onnx", 1, "error: cannot write ")],
)
def test_where_it_cannot_be_written_the_checkpoint_is_kept(
    output: str, status: int, named: str, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.safetensors"
    checkpoint.save(scrambled(TINY), path, {})
    before = path.read_bytes()
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(path), "--output", str(tmp_path / output)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == status
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before


def test_an_interrupted_export_leaves_the_earlier_one_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tiny.safetensors"
    checkpoint.save(scrambled(TINY), path, {})
    export(path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    save = onnx.save_model

    def interrupted(model: onnx.ModelProto, target: Path, **options: object) -> None:
        save(model, target, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(onnx, "save_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
