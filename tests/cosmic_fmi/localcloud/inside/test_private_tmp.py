"""A function's own /tmp."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS

ROOT = FUNCTIONS.parents[3]


def python(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=30,
    )
    return done.stdout.strip()


def test_tmp_without_namespaces_is_named_by_tmpdir(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from cosmic_fmi.localcloud.inside.private_tmp import mount_private_tmp
sys.platform = "darwin"
mount_private_tmp(Path(sys.argv[1]), [])
import tempfile
print(tempfile.gettempdir())
"""
    assert python(code, str(tmp_path)) == str(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
def test_code_below_tmp_stays_visible_beside_a_private_tmp() -> None:
    code = """
import os, sys
from pathlib import Path
from cosmic_fmi.localcloud.inside.private_tmp import mount_private_tmp
folder, clone = map(Path, sys.argv[1:])
os.chdir(clone)
mount_private_tmp(folder, [clone])
Path("/tmp/mine").touch()
beside = os.listdir(clone.parent)
print(os.environ.get("TMPDIR"), (clone / "code.py").read_text(), Path.cwd() == clone, beside)
"""
    allowed = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "true"], capture_output=True, check=False
    )
    if allowed.returncode != 0:
        pytest.skip("this system allows no mount namespaces")
    with tempfile.TemporaryDirectory(dir="/tmp") as outside, tempfile.TemporaryDirectory(dir=ROOT) as folder:
        clone = Path(outside) / "clone"
        clone.mkdir()
        (clone / "code.py").write_text("here")
        (Path(outside) / "secret").touch()
        assert python(code, folder, str(clone)) == "None here True ['clone']"
        assert (Path(folder) / "mine").exists()
        assert not Path("/tmp/mine").exists()
