"""What `make test-course` says without the course's repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cosmic_fmi.experiment.paths import REPOSITORY
from tests.course.folder import find


def said(*arguments: str) -> str:
    """What it says when it refuses."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.course", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    return done.stderr


def test_without_a_folder_it_says_how_to_get_one() -> None:
    assert "git clone https://github.com/UVA-MLSys/AI-for-Astronomy && make test-course COURSE=" in said()


def test_another_folder_is_not_taken_for_the_course_s(tmp_path: Path) -> None:
    assert f"{tmp_path} is not the course's repository, it has no aws/lambda/inference.py" in said(
        str(tmp_path)
    )


def test_a_file_that_git_keeps_elsewhere_is_not_there(tmp_path: Path) -> None:
    for name in (
        "aws/lambda/inference_FMI.py",
        "aws/demo input.json",
        "aws/stats.py",
        "aws/collect_logs.ipynb",
        "code/Anomaly Detection/NormalCell.py",
        "code/Anomaly Detection/blocks/model_vit_inception.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    script = tmp_path / "aws/lambda/inference.py"
    script.write_text("obj = s3_client.get_object(Bucket='lab', Key='payload.json')\n")
    course = find(str(tmp_path))
    assert course.payload_bucket("inference") == "lab"
    for name, content, there in (
        ("a.pt", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", False),
        ("b.pt", "", False),
        ("c.pt", "PK", True),
    ):
        (course.bundle / name).write_text(content)
        assert course.has(name) is there
    assert not course.has("d.pt")
