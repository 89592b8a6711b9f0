"""Packages of an archive can be imported by the script that came with them, and by no other."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from containers.executor.handlers import execute
from containers.executor.handlers.execute import ScriptError
from containers.executor.script import bundle, packages
from containers.executor.script.packages import PackagesError, bring, importable
from tests.containers.executor.conftest import BUCKET
from tests.containers.executor.handlers.test_execute import event, outcome, upload
from tests.containers.executor.support.archives import KEY, put

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SKY = {"sky/__init__.py": "COLOUR = 'blue'", "sky/cloud.py": ""}


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    packages.forget()
    yield
    packages.forget()


def run(s3: S3Client, context: SimpleNamespace, source: str, etag: str | None) -> list[str]:
    """What a rank prints that runs this source, with the archive of this ETag or without one."""
    upload(s3, source)
    more = {} if etag is None else {"requirements": KEY, "requirements_etag": etag}
    execute.handler(event(**more), context)
    return outcome().output_tail


def test_a_script_imports_them_and_so_do_its_subprocesses(s3: S3Client, context: SimpleNamespace) -> None:
    source = (
        "import sky.cloud, subprocess, sys\n"
        "print(sky.COLOUR, flush=True)\n"
        "print(subprocess.check_output([sys.executable, '-c', 'import sky; print(sky.COLOUR)'], text=True))"
    )
    assert run(s3, context, source, put(s3, SKY)) == ["blue", "blue", ""]
    assert outcome().download_bytes > 0


def test_the_next_script_without_them_finds_nothing(
    s3: S3Client, context: SimpleNamespace, tmp_path: Path
) -> None:
    before = list(sys.path)
    run(s3, context, "import sky.cloud", put(s3, SKY))
    assert sys.path == before
    assert not {"sky", "sky.cloud"} & set(sys.modules)
    with pytest.raises(ScriptError, match="No module named 'sky'"):
        run(s3, context, "import sky", None)
    assert not list(tmp_path.glob("packages-*"))


def test_a_warm_environment_unpacks_and_imports_them_once(s3: S3Client, context: SimpleNamespace) -> None:
    """Compiled modules cannot all be loaded a second time."""
    etag = put(s3, {"sky.py": "import builtins\nbuiltins.loads = getattr(builtins, 'loads', 0) + 1"})
    source = "import builtins, sky; print(builtins.loads)"
    try:
        assert run(s3, context, source, etag) == ["1"]
        s3.delete_object(Bucket=BUCKET, Key=KEY)  # it is not asked for again
        assert run(s3, context, source, etag) == ["1"]
        assert outcome().download_bytes == 0
    finally:
        vars(sys.modules["builtins"]).pop("loads")


def test_another_archive_replaces_them(s3: S3Client, context: SimpleNamespace, tmp_path: Path) -> None:
    run(s3, context, "import sky", put(s3, SKY))
    assert run(s3, context, "import sky; print(sky.COLOUR)", put(s3, {"sky.py": "COLOUR = 'grey'"})) == [
        "grey"
    ]
    assert len(list(tmp_path.glob("packages-*"))) == 1


def test_they_come_after_the_bundle_and_the_standard_library_and_before_the_image(
    s3: S3Client, context: SimpleNamespace
) -> None:
    s3.put_object(Bucket=BUCKET, Key="my bundle/own.py", Body=b"FROM = 'bundle'")
    etag = put(
        s3,
        {
            "own.py": "FROM = 'archive'",
            "xdist/__init__.py": "FROM = 'archive'",
            "colorsys.py": "raise ValueError",
        },
    )
    sys.modules.pop("colorsys", None)
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "xdist"}
    try:
        source = "import own, xdist, colorsys; print(own.FROM, xdist.FROM)"
        assert run(s3, context, source, etag) == ["bundle archive"]
    finally:
        sys.modules.update(kept)


def test_programs_of_a_package_stay_executable(s3: S3Client, tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        program = zipfile.ZipInfo("sky/tool")
        program.external_attr = 0o100755 << 16
        opened.writestr(program, "#!/bin/sh\n")
    etag = s3.put_object(Bucket=BUCKET, Key=KEY, Body=made.getvalue())["ETag"]
    brought = bring(BUCKET, KEY, etag)
    assert brought is not None
    assert (brought.folder / "sky" / "tool").stat().st_mode & 0o111
    assert brought.folder.parent == tmp_path


def test_an_archive_that_was_replaced_meanwhile_is_refused(s3: S3Client, tmp_path: Path) -> None:
    etag = put(s3, SKY)
    put(s3, {"sky.py": ""})
    with pytest.raises(PackagesError, match="were replaced or removed since the execution began"):
        bring(BUCKET, KEY, etag)
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    with pytest.raises(PackagesError, match="were replaced or removed"):
        bring(BUCKET, KEY, etag)
    assert not list(tmp_path.glob("packages-*"))


def test_a_full_disk_costs_old_bundles_and_then_says_what_to_raise(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upload(s3, "")
    bundle.download(BUCKET, "folder", "my bundle")
    etag = put(s3, SKY)
    tries: list[bool] = []

    def full(*_: object, **__: object) -> None:
        tries.append((tmp_path / "my bundle" / "main.py").exists())
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(s3, "download_fileobj", full)
    with pytest.raises(PackagesError, match="raise executor_ephemeral_storage_mb"):
        bring(BUCKET, KEY, etag)
    assert tries == [True, False]


def test_the_import_path_is_as_before_whatever_happens(s3: S3Client) -> None:
    brought = bring(BUCKET, KEY, put(s3, SKY))
    before = list(sys.path)
    with pytest.raises(ZeroDivisionError), importable(brought, {"PYTHONPATH": "own"}) as variables:
        assert variables["PYTHONPATH"] == f"own{os.pathsep}{brought and brought.folder}"
        importlib.import_module("sky")
        raise ZeroDivisionError
    assert sys.path == before
    assert "sky" not in sys.modules
