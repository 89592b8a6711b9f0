"""Packages that the functions lack are found, refused or packed for their platform."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

from cosmic_fmi.experiment.errors import RequirementsError, SweepError
from cosmic_fmi.experiment.packages.packages import download, upload_packages
from cosmic_fmi.experiment.packages.pip import _PROGRAM
from cosmic_fmi.experiment.packages.platform import (
    FunctionPlatform,
    image_packages,
    of_image,
    of_this_machine,
)
from cosmic_fmi.experiment.packages.requirements_file import read_requirements
from cosmic_fmi.experiment.plan.inputs import Input
from cosmic_fmi.experiment.plan.plan import RunSpec
from cosmic_fmi.experiment.ui.console import Reporter
from tests.cosmic_fmi.experiment.support.wheels import only_from, source, wheel

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

BUCKET = "packages"
IMAGE = of_image("x86_64")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """An empty bucket."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        made = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        made.create_bucket(Bucket=BUCKET)
        yield made


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip looks for packages."""
    folder = tmp_path / "links"
    folder.mkdir()
    only_from(folder, monkeypatch)
    return folder


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def names(tmp_path: Path, platform: FunctionPlatform, *lines: str) -> list[str]:
    """Names of the wheels that these lines come to."""
    folder = tmp_path / "work"
    folder.mkdir()
    file = read_requirements(write(tmp_path, *lines))
    return [path.name.split("-")[0] for path in download(file, platform, folder, lambda _: None)]


def refusal(tmp_path: Path, *lines: str, platform: FunctionPlatform = IMAGE) -> str:
    with pytest.raises(RequirementsError) as refused:
        names(tmp_path, platform, *lines)
    return str(refused.value)


def test_the_archive_holds_what_goes_onto_the_import_path_and_is_made_once(
    s3: S3Client, links: Path, tmp_path: Path
) -> None:
    files = {
        "sky/__init__.py": "",
        "sky-1.0.data/purelib/sun.py": "",
        "sky-1.0.data/scripts/sky": "",
        "sky-1.0.data/headers/sky.h": "",
    }
    wheel(links, "sky", needs=["moon>=1"], files=files)
    wheel(links, "moon")
    path, said = write(tmp_path, "sky  # for the clouds"), io.StringIO()
    key = upload_packages(s3, BUCKET, path, IMAGE, Reporter(Console(file=said, width=200)))
    assert key is not None
    assert "Installing 2 packages for the functions: moon 1.0, sky 1.0" in said.getvalue()
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        held = {name for name in archive.namelist() if "dist-info" not in name}
        assert "sky-1.0.dist-info/METADATA" in archive.namelist()
    assert held == {"sky/__init__.py", "sun.py", "moon.py"}
    for file in links.iterdir():
        file.unlink()  # it is neither resolved nor uploaded again
    assert upload_packages(s3, BUCKET, path, IMAGE, Reporter(Console(file=io.StringIO()))) == key


def test_what_an_archive_is_made_from_is_in_its_key(s3: S3Client, links: Path, tmp_path: Path) -> None:
    wheel(links, "sky")
    local = wheel(tmp_path, "moon")
    reporter = Reporter(Console(file=io.StringIO()))
    keys = []
    for platform in (IMAGE, of_image("arm64"), replace(IMAGE, provided={"numpy": "1.0"})):
        keys.append(upload_packages(s3, BUCKET, write(tmp_path, "sky"), platform, reporter))
    (tmp_path / "more.txt").write_text(f"{local}\n")
    including = write(tmp_path, "sky", "-r more.txt")
    keys.append(upload_packages(s3, BUCKET, including, IMAGE, reporter))
    wheel(tmp_path, "moon", files={"moon.py": "changed = 1"})
    keys.append(upload_packages(s3, BUCKET, including, IMAGE, reporter))
    assert None not in keys
    assert len(set(keys)) == 5


def test_what_the_functions_have_is_not_shipped(links: Path, tmp_path: Path) -> None:
    """Its newer version on the index neither, nor what that would need."""
    wheel(links, "sky", needs=["torch>=1.4", "numpy"])
    wheel(links, "torch", "99.0", needs=["no-such-thing"])
    assert names(tmp_path, IMAGE, "sky", "torch", "typing_extensions>=4") == ["sky"]


@pytest.mark.usefixtures("links")
def test_nothing_is_uploaded_when_the_functions_have_all(s3: S3Client, tmp_path: Path) -> None:
    reporter = Reporter(Console(file=io.StringIO()))
    assert upload_packages(s3, BUCKET, write(tmp_path, "numpy"), IMAGE, reporter) is None
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_dependencies_can_be_left_out(links: Path, tmp_path: Path) -> None:
    wheel(links, "old", needs=["no-such-thing", "numpy<1.20"])
    wheel(links, "sky", needs=["moon"])
    wheel(links, "moon")
    assert names(tmp_path, IMAGE, "old==1.0  # no-deps", "sky") == ["moon", "old", "sky"]


def test_markers_are_the_functions_not_this_machine_s(links: Path, tmp_path: Path) -> None:
    arm = "platform_machine == 'aarch64'"
    wheel(links, "sky", needs=[f"moon; {arm}", "sun; sys_platform == 'darwin'"])
    wheel(links, "moon")
    wheel(links, "star")
    assert names(tmp_path, of_image("arm64"), "sky", f"star; {arm}") == ["moon", "sky", "star"]


@pytest.mark.parametrize(
    "tag",
    [
        "cp311-cp311-manylinux_2_28_aarch64",
        "cp39-abi3-manylinux2014_aarch64",
        "py3-none-manylinux_2_17_aarch64",
        "cp311-none-linux_aarch64",
    ],
)
def test_wheels_are_the_functions_platform_s(links: Path, tmp_path: Path, tag: str) -> None:
    wheel(links, "sky", tag=tag)
    assert names(tmp_path, of_image("arm64"), "sky") == ["sky"]


@pytest.mark.parametrize("tag", ["cp311-cp311-win_amd64", "cp312-cp312-manylinux_2_28_x86_64"])
def test_a_wheel_of_another_platform_is_refused(links: Path, tmp_path: Path, tag: str) -> None:
    wheel(links, "sky", tag=tag)
    said = refusal(tmp_path, "sky==1.0")
    assert "there is no sky==1.0 for the functions (Python 3.11 on Linux x86_64)" in said


def test_what_would_have_to_be_compiled_is_refused_by_name(links: Path, tmp_path: Path) -> None:
    source(links, "sky")
    wheel(links, "sun", needs=["sky>=1"])
    assert "sky>=1 would have to be compiled for the functions (Python 3.11 on Linux x86_64)" in refusal(
        tmp_path, "sun"
    )


def test_a_dependency_that_wants_another_version_than_the_image_s(links: Path, tmp_path: Path) -> None:
    wheel(links, "old", needs=["numpy<1.20"])
    said = refusal(tmp_path, "old")
    assert "old 1.0 depends on numpy<1.20" in said
    assert f"the functions have numpy {IMAGE.provided['numpy']}" in said
    assert "`# no-deps`" in said
    assert "\n" not in said


def test_every_line_that_cannot_be_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    lines = [
        "torch==2.2.1",
        "numpy<2",
        "-e .",
        "git+https://example.org/sky",
        str(tmp_path / "own"),
        "redis[hiredis]",
        "sky @ https://example.org/sky-1.0.tar.gz",
        "./sky-1.0.zip",
    ]
    with pytest.raises(RequirementsError) as refused:
        read_requirements(write(tmp_path, *lines, "sky --hash=sha256:0")).check(IMAGE.provided, IMAGE.markers)
    said = str(refused.value).splitlines()
    assert said[0].startswith("requirements.txt, line 1: the functions have torch ")
    assert [line.split(":")[0].rpartition(" ")[2] for line in said] == [*"123456789"]


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequirementsError, match=r"cannot read .*missing.txt"):
        read_requirements(write(tmp_path, "-r missing.txt"))
    with pytest.raises(RequirementsError, match="includes itself"):
        read_requirements(write(tmp_path, "-r requirements.txt"))


def test_functions_that_are_processes_run_on_this_interpreter(links: Path, tmp_path: Path) -> None:
    here = of_this_machine()
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    wheel(links, "sky", tag=f"{python}-none-any")
    assert names(tmp_path, here, "sky", "torch") == ["sky"]
    assert here.provided.keys() <= image_packages({}).keys()


def test_a_python_without_pip_says_what_to_do(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    done = subprocess.run(
        [str(bare / "bin" / "python"), "-P", str(_PROGRAM), json.dumps(dict(IMAGE.markers)), "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named pip" in done.stderr.replace("'", "")


def test_payloads_and_scripts_carry_the_key(s3: S3Client, links: Path, tmp_path: Path) -> None:
    wheel(links, "sky")
    requirements, script = write(tmp_path, "sky"), tmp_path / "run.py"
    script.write_text("import sky")
    reporter = Reporter(Console(file=io.StringIO()))
    build = Input(script=script, requirements=requirements).upload(s3, BUCKET, [], reporter, IMAGE)
    key = build(RunSpec(2, None), "run")["requirements"]
    assert s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] > 0
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps({"bucket": BUCKET, "world_size": 2}))
    build = Input(payload, requirements=requirements).upload(s3, "another", [], reporter, IMAGE)
    assert build(RunSpec(2, None), "run")["requirements"] == key
    payload.write_text(json.dumps({"requirements": key}))
    with pytest.raises(SweepError, match="has requirements already"):
        Input(payload, requirements=requirements).check([])
