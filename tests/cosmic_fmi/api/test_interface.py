"""The names of cosmic_fmi, and mistakes that are seen before anything runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

import cosmic_fmi
from cosmic_fmi.api.request import Request
from cosmic_fmi.experiment.errors import ExperimentError, ResultsError, SweepError
from cosmic_fmi.experiment.packages.platform import of_image, of_this_machine
from cosmic_fmi.experiment.plan.inputs import Input
from cosmic_fmi.experiment.program.options import ProgramOptions


def test_an_import_loads_nothing() -> None:
    code = "import sys, cosmic_fmi as c; dir(c); print({'numpy', 'boto3', 'rich'} & set(sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_every_name_is_there() -> None:
    assert all(callable(getattr(cosmic_fmi, name)) for name in cosmic_fmi.__all__)
    assert set(cosmic_fmi.__all__) <= set(dir(cosmic_fmi))
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        getattr(cosmic_fmi, "".join("walk"))


def test_map_of_nothing_is_nothing() -> None:
    assert cosmic_fmi.map(abs, []) == []


def test_mistakes_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SweepError, match="world_size=0: give a whole number of at least 1"):
        cosmic_fmi.run(abs, world_size=0)
    with pytest.raises(SweepError, match="world_size=-1: give"):
        cosmic_fmi.map(abs, [1], world_size=-1)
    with pytest.raises(SweepError, match=r'env_from={"TOKEN": "ssm:/cosmic/scripts/token"}'):
        cosmic_fmi.run(abs, env={"TOKEN": "abcdef"})
    with pytest.raises(SweepError, match='give "local" or "aws"'):
        cosmic_fmi.run(abs, target=cast("Any", "azure"))
    with pytest.raises(cosmic_fmi.FunctionError, match="neither a function nor the path"):
        cosmic_fmi.run(cast("Any", 5))
    with pytest.raises(SweepError, match="data, env, env_from and main are for a program"):
        cosmic_fmi.run(data="images")
    with pytest.raises(SweepError, match="main is for a folder"):
        cosmic_fmi.run(abs, main="solve.py")
    with pytest.raises(SweepError, match="kwargs are for a function"):
        cosmic_fmi.run("pi.py", kwargs={"samples": 1})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ExperimentError, match=r"nowhere\.py: there is no such script"):
        cosmic_fmi.run("nowhere.py")
    assert list(tmp_path.iterdir()) == []


def test_two_runs_in_one_second_have_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = [Request().new_folder("pi") for _ in range(3)]
    assert len(set(made)) == 3


def test_results_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("[]")
    with pytest.raises(ResultsError, match="holds results already"):
        Request(output=tmp_path).new_folder("pi")


def test_requirements_may_be_a_list(tmp_path: Path) -> None:
    path = Request(requirements=["astropy>=7", "photutils"]).requirements_file(tmp_path)
    assert path is not None
    assert path.read_text() == "astropy>=7\nphotutils\n"
    assert Request(requirements="own.txt").requirements_file(tmp_path) == Path("own.txt")
    assert Request().requirements_file(tmp_path) is None


def test_another_python_is_refused_before_the_upload(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    source = Input(script=tmp_path, program=ProgramOptions(python="3.9", meets=False))
    with pytest.raises(SweepError, match=r"pickled by Python 3\.9, .* have Python 3\.11"):
        source.check_python(of_image("arm64"))
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    Input(script=tmp_path, program=ProgramOptions(python=here)).check_python(of_this_machine())


def test_what_the_program_needs_is_kept_for_resume() -> None:
    options = ProgramOptions(python="3.11", meets=False)
    assert ProgramOptions.from_json(options.to_json()) == options
    assert options.payload == {"rendezvous": False}
    assert ProgramOptions().payload == {}
