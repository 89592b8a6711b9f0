"""Initialize looks into an archive of packages before any rank unpacks it."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from containers.executor.inputs.mistakes import InputError
from containers.executor.script.archive import look_into, modules_of
from tests.containers.executor.conftest import BUCKET
from tests.containers.executor.handlers.test_initialize import manifest, start, uploaded
from tests.containers.executor.inputs.test_payload import FOLDER
from tests.containers.executor.support.archives import KEY, archive, put

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

__all__ = ["uploaded"]
MEGABYTE = 2**20
PAYLOAD = {**FOLDER, "bucket": BUCKET, "requirements": KEY}


def test_ranks_are_told_which_archive_was_checked(uploaded: S3Client, context: SimpleNamespace) -> None:
    etag = put(uploaded, {"sky/__init__.py": "", "sky-1.0.dist-info/METADATA": ""})
    ranks = manifest(uploaded, start(context, PAYLOAD))
    assert {(rank["requirements"], rank["requirements_etag"]) for rank in ranks} == {(KEY, etag)}


def test_without_the_key_there_is_none(uploaded: S3Client, context: SimpleNamespace) -> None:
    [rank, *_] = manifest(uploaded, start(context, {**FOLDER, "bucket": BUCKET}))
    assert (rank["requirements"], rank["requirements_etag"]) == (None, None)


def test_what_an_archive_has_is_not_missing(s3: S3Client, context: SimpleNamespace) -> None:
    s3.put_object(Bucket=BUCKET, Key="run.py", Body=b"import no_such_sky, no_such_sun")
    put(s3, {"no_such_sky/__init__.py": ""})
    payload = {"bucket": BUCKET, "world_size": 1, "object_type": "script", "S3_object_name": "run.py"}
    with pytest.raises(InputError, match=r"has: no_such_sun \(run.py\): give"):
        start(context, {**payload, "requirements": KEY})
    put(s3, {"no_such_sky/__init__.py": "", "no_such_sun.py": ""})
    assert start(context, {**payload, "requirements": KEY})["world_size"] == 1


def test_an_archive_that_is_missing_is_one_mistake_among_others(
    s3: S3Client, context: SimpleNamespace
) -> None:
    s3.put_object(Bucket=BUCKET, Key="run.py", Body=b"")
    payload = {"bucket": BUCKET, "world_size": 5000, "object_type": "script", "S3_object_name": "run.py"}
    with pytest.raises(InputError) as mistakes:
        start(context, {**payload, "requirements": KEY})
    assert str(mistakes.value).count(KEY) == 1
    assert "5000" in str(mistakes.value)


def test_only_the_directory_of_a_large_archive_is_read(s3: S3Client) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key=KEY, Body=bytes(3 * MEGABYTE) + archive({"sky.py": ""}))["ETag"]
    read: list[str] = []
    s3.meta.events.register(
        "before-parameter-build.s3.GetObject", lambda params, **_: read.append(params["Range"])
    )
    assert look_into(BUCKET, KEY, None).etag == etag
    assert all(int(place.removeprefix("bytes=").split("-")[0]) > 2 * MEGABYTE for place in read)


def test_modules_are_told_from_the_names() -> None:
    names = ["sky/__init__.py", "sky/map.py", "sun.py", "_moon.cpython-311-x86_64-linux-gnu.so"]
    assert modules_of([*names, "sky-1.0.dist-info/METADATA", "README.md"]) == {"sky", "sun", "_moon"}


@pytest.mark.parametrize("name", ["../outside.py", "/etc/passwd", "a/../../b.py", "C:/b.py", "a\\..\\b.py"])
def test_paths_outside_are_refused(s3: S3Client, name: str) -> None:
    put(s3, {name: ""})
    with pytest.raises(InputError, match="would land outside"):
        look_into(BUCKET, KEY, None)


def test_what_would_not_fit_is_refused(
    uploaded: S3Client, context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kilobytes that unpack to more than /tmp holds, as a zip bomb does."""
    monkeypatch.setenv("EXECUTE_EPHEMERAL_STORAGE_MB", "2")
    put(uploaded, {"sky.py": " " * 3 * MEGABYTE})
    with pytest.raises(
        InputError, match=r"needs 3 MB of /tmp.* has 2 MB: raise .*executor_ephemeral_storage_mb"
    ):
        start(context, PAYLOAD)
    put(uploaded, {"sky.py": " " * MEGABYTE})
    assert start(context, PAYLOAD)["world_size"] == 4


def test_an_encrypted_archive_is_refused(s3: S3Client) -> None:
    plain = bytearray(archive({"sky.py": ""}))
    flags = plain.index(b"PK\x01\x02") + 8
    plain[flags : flags + 2] = struct.pack("<H", 1)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=bytes(plain))
    with pytest.raises(InputError, match="is encrypted"):
        look_into(BUCKET, KEY, None)


@pytest.mark.parametrize("content", [b"", b"numpy==1.26\n", archive({"sky.py": ""})[:-10]])
def test_what_is_no_archive_is_refused(s3: S3Client, content: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)
    with pytest.raises(InputError, match="is no zip archive"):
        look_into(BUCKET, KEY, None)


def test_a_missing_archive_says_what_to_do(uploaded: S3Client, context: SimpleNamespace) -> None:  # noqa: ARG001
    with pytest.raises(InputError, match=r"There is no object 'requirements/abc.zip' .*--requirements"):
        start(context, PAYLOAD)
