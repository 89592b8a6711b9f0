"""`cosmic-fmi images`, with a stand-in for docker on the PATH."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cosmic_fmi.cli import main

DOCKER = f"""#!{sys.executable}
import sys
from pathlib import Path

if sys.argv[1] == "build":
    name = "rendezvous" if "cosmic-rendezvous" in sys.argv else "executor"
    digit = {{"executor": "1", "rendezvous": "2"}}[name]
    Path(sys.argv[sys.argv.index("--iidfile") + 1]).write_text("sha256:" + 64 * digit)
else:
    print({{"1": 1_165_000_000, "2": 171_000_000}}[sys.argv[-1][-1]])
"""


def test_both_images_are_built_and_their_sizes_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["images"]) == 0
    shown = capsys.readouterr().out
    assert "cosmic-executor: 1,165 MB (sha256:111111111111)\n" in shown
    assert "cosmic-rendezvous: 171 MB (sha256:222222222222)\n" in shown


def test_without_docker_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["images"]) == 1
    assert "install Docker" in capsys.readouterr().out


def test_an_old_login_at_the_base_s_registry_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "failed to resolve source metadata for public.ecr.aws/docker/library/python: 403 Forbidden"
    docker = tmp_path / "docker"
    docker.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('{said}')\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["images"]) == 1
    assert "docker logout public.ecr.aws" in capsys.readouterr().out
