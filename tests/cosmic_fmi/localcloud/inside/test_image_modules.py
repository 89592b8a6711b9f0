"""A function's process imports what the image has, and not what else is installed here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.localcloud.inside.image_modules import hidden_modules


def python(code: str, *path: Path) -> str:
    """What a fresh interpreter prints that hides what the image lacks and finds modules in these folders."""
    begin = "import sys\nfrom pathlib import Path\n"
    begin += "from cosmic_fmi.localcloud.inside.image_modules import hide, hidden_modules\n"
    begin += f"hide(hidden_modules(Path({str(REPOSITORY)!r})))\nsys.path[:0] = {[str(one) for one in path]}\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_only_this_machine_has_is_hidden() -> None:
    hidden = set(hidden_modules(REPOSITORY))
    assert {"scipy", "matplotlib", "moto", "PIL", "pip"} <= hidden
    assert hidden.isdisjoint({"numpy", "torch", "boto3", "awslambdaric", "psutil", "fmi", "inference"})
    assert hidden.isdisjoint(sys.stdlib_module_names)


def test_other_code_than_the_repository_s_hides_nothing(tmp_path: Path) -> None:
    assert hidden_modules(tmp_path) == ()


def test_an_import_fails_as_in_the_image() -> None:
    code = (
        "import importlib.util\n"
        "try:\n    import scipy\n"
        "except ModuleNotFoundError as error:\n    print(error, error.name)\n"
        "print(importlib.util.find_spec('scipy'))"
    )
    assert python(code) == "No module named 'scipy' scipy\nNone"


def test_the_script_s_own_module_of_that_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "scipy.py").write_text("FROM = 'here'")
    assert python("import scipy; print(scipy.FROM)", tmp_path) == "here"


def test_what_functions_run_still_loads() -> None:
    code = (
        "import awslambdaric.bootstrap, boto3, fmi, inference.engines.select, numpy, pyarrow.parquet, torch\n"
        "from containers.executor.handlers import execute, initialize, summarize\n"
        "boto3.client('s3', 'us-east-1')\nprint('scipy' in sys.modules)"
    )
    assert python(code) == "False"
