"""The text that changes with the code of functions."""

import os
from pathlib import Path

import pytest

from cosmic_fmi.localcloud.sandbox.code_stamp import CodeStamp


def test_code_stamp_changes_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosmic_fmi.localcloud.sandbox.code_stamp._RECHECK_SECONDS", -1.0)
    stamp = CodeStamp(tmp_path)
    seen = [stamp.current()]
    (tmp_path / "a.py").write_text("1")
    seen.append(stamp.current())
    os.utime(tmp_path / "a.py", (1, 2_000_000_000))
    seen.append(stamp.current())
    assert len(set(seen)) == 3
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "venv" / "b.py").touch()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.py").touch()
    assert stamp.current() == seen[-1]
