"""The commands that write a checkpoint in another form, as a user runs them."""

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch

from inference.checkpoints import checkpoint
from inference.checkpoints.export import export
from tests.inference.network.test_astromae import TINY, scrambled

SCRIPTS = Path(__file__).parents[3] / "scripts"
SCRIPT = SCRIPTS / "export_model.py"


def run_after(preparation: str, script: Path, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    """The script in a process of its own, in which Python does something else first."""
    code = f"import sys; sys.argv = sys.argv[1:]; {preparation}\n"
    code += "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


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


def test_a_full_disk_is_one_sentence_that_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    checkpoint.save(scrambled(TINY), path, {})
    least = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))"
    done = run_after(least, SCRIPT, path)
    assert done.stderr == f"error: cannot write {path.with_suffix('.onnx')}: File too large\n"
    assert (done.returncode, [file.name for file in tmp_path.iterdir()]) == (1, [path.name])


@pytest.mark.parametrize(
    ("script", "during"),
    [
        ("export_model.py", "inference.checkpoints.checkpoint.load"),
        ("convert_checkpoint.py", "inference.checkpoints.pickled.names"),
    ],
)
def test_ctrl_c_is_no_traceback(script: str, during: str, tmp_path: Path) -> None:
    press = "import signal; from unittest import mock; "
    press += f"mock.patch({during!r}, lambda *_: signal.raise_signal(signal.SIGINT)).start()"
    done = run_after(press, SCRIPTS / script, tmp_path / "model.pt")
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


@pytest.mark.parametrize("script", ["export_model.py", "convert_checkpoint.py"])
def test_without_the_package_onnx_it_says_what_to_install(script: str, tmp_path: Path) -> None:
    """The package is an extra: who has followed the README alone lacks it."""
    path, pickled = tmp_path / "tiny.safetensors", tmp_path / "old.pt"
    model = scrambled(TINY)
    checkpoint.save(model, path, {})
    torch.save(model.state_dict(), pickled)
    converting = [str(pickled), "--output", str(tmp_path / "new.safetensors"), "--trust", "--export"]
    options = [str(path)] if script == "export_model.py" else [*converting, "--heads", str(TINY.heads)]
    done = run_after("sys.modules['onnx'] = None", SCRIPTS / script, *options)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith("install it with: .venv/bin/pip install -c constraints.txt -e '.[export]'\n")
