"""What of a user's folder travels: a script with its modules, a folder without junk."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.program import files as program
from cosmic_fmi.experiment.program.files import program_files


def put(folder: Path, **files: str) -> None:
    """Write files; two underscores in a name stand for a slash, and each is Python."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_script_travels_with_the_modules_that_it_imports(tmp_path: Path) -> None:
    put(
        tmp_path,
        run="import numpy\nfrom tools import one\ndef later():\n    import lazy",
        tools="import deep",
    )
    put(tmp_path, deep="", lazy="", unused="")
    found = program_files(tmp_path / "run.py")
    assert (found.name, found.main) == ("run", "run.py")
    assert set(found.files) == {"run.py", "tools.py", "deep.py", "lazy.py"}


def test_a_package_travels_whole_with_its_data_and_what_it_imports(tmp_path: Path) -> None:
    put(tmp_path, run="import model.net", model__net="from . import layers\nimport beside", model__layers="")
    put(tmp_path, beside="", other="")
    (tmp_path / "model" / "__init__.py").touch()
    (tmp_path / "model" / "weights.bin").write_bytes(b"7")
    (tmp_path / "model" / "__pycache__").mkdir()
    (tmp_path / "model" / "__pycache__" / "net.pyc").write_bytes(b"7")
    assert set(program_files(tmp_path / "run.py").files) == {
        *("run.py", "beside.py"),
        *("model/__init__.py", "model/net.py", "model/layers.py", "model/weights.bin"),
    }


def test_a_folder_of_data_with_the_name_of_a_module_stays(tmp_path: Path) -> None:
    put(tmp_path, run="import statistics")
    (tmp_path / "statistics").mkdir()
    (tmp_path / "statistics" / "large.csv").write_text("1")
    assert set(program_files(tmp_path / "run.py").files) == {"run.py"}


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    put(tmp_path, run="import a", a="import b", b="import a, run")
    assert set(program_files(tmp_path / "run.py").files) == {"run.py", "a.py", "b.py"}


def test_junk_of_a_folder_stays_behind(tmp_path: Path) -> None:
    put(tmp_path, main="", sub__part="", _git__x="", env__lib="", results__1__x="")
    (tmp_path / "_git").rename(tmp_path / ".git")
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "results" / "1" / "summary.json").touch()
    (tmp_path / "sub" / ".DS_Store").touch()
    (tmp_path / "round").symlink_to(tmp_path)
    found = program_files(tmp_path)
    assert set(found.files) == {"main.py", "sub/part.py"}
    assert set(found.left_out) == {".git", "env", "results", "sub/.DS_Store", "round"}


@pytest.mark.parametrize(
    ("scripts", "main", "chosen"),
    [(["a"], None, "a.py"), (["a", "main"], None, "main.py"), (["a", "b"], "./b.py", "b.py")],
)
def test_the_main_script_of_a_folder(
    tmp_path: Path, scripts: list[str], main: str | None, chosen: str
) -> None:
    put(tmp_path, **dict.fromkeys(scripts, ""))
    assert program_files(tmp_path, main).main == chosen


@pytest.mark.parametrize(
    ("main", "sentence"),
    [
        (None, r"is a folder: say which script to run with --main \(there are a.py, b.py\)"),
        ("c.py", r"--main c.py: there is no such file in .* \(there are a.py, b.py\)"),
    ],
)
def test_a_folder_without_a_main_script_is_one_sentence(
    tmp_path: Path, main: str | None, sentence: str
) -> None:
    put(tmp_path, a="", b="")
    with pytest.raises(SweepError, match=sentence):
        program_files(tmp_path, main)


def test_mistakes_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, wrong="x = (", fine="")
    with pytest.raises(SweepError, match=r"wrong.py, line 1 is no Python: '\(' was never closed"):
        program_files(tmp_path / "wrong.py")
    with pytest.raises(SweepError, match="there is no such script or folder"):
        program_files(tmp_path / "none.py")
    with pytest.raises(SweepError, match=r"--main x\.py is for a folder"):
        program_files(tmp_path / "fine.py", "x.py")
    monkeypatch.setattr(program, "MOST_FILES", 1)
    with pytest.raises(SweepError, match="has 2 files, more than the 1 that a program may have"):
        program_files(tmp_path, "fine.py")
