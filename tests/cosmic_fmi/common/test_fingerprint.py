"""One name for the contents of many files."""

from __future__ import annotations

from pathlib import Path

from cosmic_fmi.common.fingerprint import fingerprint


def test_a_fingerprint_sees_content_and_names_but_not_what_tools_leave_behind(tmp_path: Path) -> None:
    source = tmp_path / "code"
    source.mkdir()
    (source / "a.py").write_text("1")
    seen = {fingerprint(tmp_path, ["code"])}
    for tool in ("__pycache__", ".terraform"):
        (source / tool).mkdir()
        (source / tool / "x").write_text("x")
    (source / "terraform.tfstate").write_text("{}")
    assert fingerprint(tmp_path, ["code"]) in seen
    (source / "a.py").write_text("2")
    seen.add(fingerprint(tmp_path, ["code"]))
    (source / "a.py").rename(source / "b.py")
    seen.add(fingerprint(tmp_path, ["code"]))
    seen.add(fingerprint(tmp_path, ["code/b.py"]))
    assert len(seen) == 3
