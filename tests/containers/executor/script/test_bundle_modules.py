"""A bundle's own modules win over installed ones while its script runs, and never afterwards."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from containers.executor.script.run import ScriptResult, run

OURS = "def fmi_communicator(*_): return 'the folder\\'s own'\n"


def bundle(root: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return root


def printed(root: Path, script: str = "main.py") -> list[str]:
    result: ScriptResult = run(root / script, root)
    assert result.exit_code == 0, result.traceback
    return result.output_tail


@pytest.mark.parametrize("script", ["main.py", "Inference/main.py"])
def test_a_folder_that_brings_its_own_fmilib_uses_it_in_a_warm_process_too(
    tmp_path: Path, script: str
) -> None:
    image = importlib.import_module("fmilib.fmi_operations")
    source = (
        "from fmilib.fmi_operations import fmi_communicator\nprint(fmi_communicator.__code__.co_filename)"
    )
    own = bundle(
        tmp_path / "own",
        {script: source, "fmilib/__init__.py": "", "fmilib/fmi_operations.py": OURS},
    )
    without = bundle(tmp_path / "without", {"main.py": source})
    for _ in range(2):
        assert printed(own, script) == [str(own / "fmilib" / "fmi_operations.py")]
        assert printed(without) == [image.__file__]
    assert sys.modules["fmilib.fmi_operations"] is image


def test_a_standard_module_that_is_loaded_is_no_different(tmp_path: Path) -> None:
    before = importlib.import_module("fractions")
    own = bundle(tmp_path, {"main.py": "import fractions\nprint(fractions.mine)", "fractions.py": "mine = 1"})
    assert printed(own) == ["1"]
    assert importlib.import_module("fractions") is before


def test_what_every_interpreter_has_loaded_stays(tmp_path: Path) -> None:
    own = bundle(tmp_path, {"main.py": "import os, sys\nprint(os.sep)", "os.py": "sep = 'x'", "sys.py": ""})
    assert printed(own) == ["/"]


def test_a_package_is_set_aside_with_all_below_it(tmp_path: Path) -> None:
    importlib.import_module("concurrent.futures.thread")
    own = bundle(
        tmp_path,
        {
            "main.py": "import concurrent.futures\nprint(concurrent.futures.mine)",
            "concurrent/__init__.py": "",
            "concurrent/futures.py": "mine = 1",
        },
    )
    assert printed(own) == ["1"]
    assert "concurrent.futures.thread" in sys.modules


def test_a_folder_without_init_takes_nothing_from_an_installed_package(tmp_path: Path) -> None:
    own = bundle(
        tmp_path,
        {"main.py": "import json\nprint(json.dumps(1))", "json/notes.txt": "", "json/more.py": ""},
    )
    assert printed(own) == ["1"]


def test_a_library_that_took_the_bundles_module_for_an_installed_one_is_loaded_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = bundle(
        tmp_path / "site",
        {
            "installed_x.py": "def where(): return 'installed'",
            "library_x/__init__.py": "from library_x.part import where",
            "library_x/part.py": "from installed_x import where",
            "other_x.py": "",
        },
    )
    monkeypatch.syspath_prepend(str(site))
    source = "import library_x, other_x\nprint(library_x.where())"
    own = bundle(tmp_path / "own", {"main.py": source, "installed_x.py": "def where(): return 'bundle'"})
    without = bundle(tmp_path / "without", {"main.py": source})
    assert printed(own) == ["bundle"]
    other = sys.modules["other_x"]
    assert printed(without) == ["installed"]
    assert sys.modules["other_x"] is other, "what has seen nothing of the bundle stays in memory"
    for name in ("installed_x", "library_x", "library_x.part", "other_x"):
        del sys.modules[name]
