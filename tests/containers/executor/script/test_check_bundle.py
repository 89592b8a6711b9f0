"""What can be known of a bundle before a world starts is told in one error, before any rank is paid for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from containers.executor.inputs.mistakes import InputError, raise_all
from containers.executor.inputs.payload import parse
from containers.executor.script import sources
from containers.executor.script.check_bundle import checks, in_image
from tests.containers.executor.conftest import BUCKET
from tests.containers.executor.handlers.test_initialize import start

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

INPUT = {"bucket": BUCKET, "world_size": 1, "S3_object_name": "lab", "script": "/tmp/lab/Inference/run.py"}


def upload(s3: S3Client, files: Mapping[str, str | bytes]) -> None:
    for name, body in files.items():
        s3.put_object(Bucket=BUCKET, Key=f"lab/{name}", Body=body)


def mistakes(provided: frozenset[str] = frozenset(), **changes: object) -> str:
    """What the checks say; nothing when they are content."""
    try:
        raise_all(checks(parse({**INPUT, **changes}), lambda: provided))
    except InputError as error:
        return str(error)
    return ""


def test_all_packages_that_are_missing_are_named_at_once(s3: S3Client) -> None:
    upload(
        s3,
        {
            "Inference/run.py": "import os, fmi, no_such_a.part, blocks.model\nfrom no_such_b import x",
            "blocks/model.py": "import no_such_c\nimport no_such_a\nfrom . import layers",
            "blocks/layers.py": "from .deep.er import z",
            "blocks/deep/__init__.py": "import no_such_d",
            "blocks/deep/er.py": "from ..layers import y\nfrom ...... import beyond",
            "training.py": "import never_looked_at",
        },
    )
    assert mistakes() == (
        "The script imports what neither the image nor the bundle has: no_such_a (run.py), "
        "no_such_b (run.py), no_such_c (model.py), no_such_d (__init__.py): "
        "give the packages to `cosmic-fmi run --requirements`, "
        "or put their folders into the bundle beside the script."
    )
    names = frozenset(f"no_such_{letter}" for letter in "abcd")
    assert mistakes(provided=names) == ""
    assert mistakes(provided=names - {"no_such_c"}).count("no_such") == 1


def test_nothing_is_executed_or_loaded(s3: S3Client) -> None:
    upload(s3, {"Inference/run.py": "import sqlite3.dump, ensurepip\nraise SystemExit('executed')"})
    assert mistakes() == ""
    assert "ensurepip" not in sys.modules


def test_packages_in_any_folder_of_the_bundle_count(s3: S3Client) -> None:
    upload(
        s3,
        {
            "Inference/run.py": "import sys\nsys.path.append('/tmp/lab/lib')\nimport a, b, c, d, beside",
            "Inference/beside.py": "",
            "lib/a.py": "import no_such_a",
            "lib/b/__init__.py": "",
            "lib/c/deep/x.py": "",
            "lib/d.cpython-311-x86_64-linux-gnu.so": "",
            "d.abi3.so": "",
        },
    )
    assert "has: no_such_a (a.py): give" in mistakes()


def test_the_folders_own_module_is_read_rather_than_the_images(s3: S3Client) -> None:
    files = {
        "Inference/run.py": "from fmilib.fmi_operations import fmi_communicator",
        "fmilib/__init__.py": "",
    }
    upload(s3, {**files, "fmilib/fmi_operations.py": "import no_such_a"})
    assert "no_such_a (fmi_operations.py)" in mistakes()


def test_a_single_script_is_its_own_bundle(s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="one.py", Body=b"import no_such_a, helper")
    s3.put_object(Bucket=BUCKET, Key="helper.py", Body=b"")
    said = mistakes(object_type="script", S3_object_name="one.py", script=None)
    assert "no_such_a (one.py), helper (one.py)" in said, "no other object is downloaded"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (b"import os\nprint 'x'", r"The script 'lab/Inference/run.py' is not Python 3.11 in line 2 ("),
        (b"\0", "The script 'lab/Inference/run.py' is not Python 3.11"),
    ],
)
def test_a_script_that_is_not_python(s3: S3Client, source: bytes, sentence: str) -> None:
    upload(s3, {"Inference/run.py": source})
    said = mistakes().replace(f"{sys.version_info[0]}.{sys.version_info[1]}", "3.11")
    assert said.startswith(sentence)
    assert said.endswith(": correct it.")


def test_a_notebook_is_no_script(s3: S3Client) -> None:
    upload(s3, {"run.ipynb": '{"cells": []}'})
    assert "\"script\" is the notebook 'lab/run.ipynb': save it" in mistakes(script="/tmp/lab/run.ipynb")


def test_other_files_that_are_not_python_are_passed_over(s3: S3Client) -> None:
    upload(
        s3,
        {
            "Inference/run.py": "import broken, huge, no_such_a",
            "Inference/broken.py": b"\xff\0",
            "Inference/huge.py": "x = 1\n" * (sources.MOST_FILE_BYTES // 6 + 1),
            "notes.ipynb": "{",
        },
    )
    assert "has: no_such_a (run.py): give" in mistakes()


def test_what_is_read_is_limited(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_FILES", 3)
    upload(s3, {"Inference/run.py": "import m0"})
    upload(s3, {f"m{n}.py": f"import m{n + 1}" for n in range(5)} | {"m2.py": "import m3, no_such_a"})
    assert mistakes() == ""
    monkeypatch.setattr(sources, "MOST_FILES", 4)
    assert "no_such_a (m2.py)" in mistakes()


def test_modules_that_import_each_other_are_read_once(s3: S3Client) -> None:
    upload(s3, {"Inference/run.py": "import a", "a.py": "import b", "b.py": "import a, no_such_a"})
    assert mistakes().count("no_such_a") == 1


def test_a_script_that_may_not_be_read_is_left_to_the_ranks(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(s3, {"Inference/run.py": "import no_such_a"})
    found = sources.Sources("no-such-bucket", {"run.py": 1}, [PurePosixPath(".")])
    assert list(found.imports("run.py")) == []
    monkeypatch.setattr(sources, "MOST_FILE_BYTES", 3)
    assert mistakes() == ""


def test_long_lists_are_cut(s3: S3Client) -> None:
    upload(s3, {"Inference/run.py": "\n".join(f"import no_such_{n}" for n in range(30))})
    assert "no_such_19 (run.py) and 10 more: give" in mistakes()


def test_what_the_image_has() -> None:
    assert all(map(in_image, ("os", "numpy", "torch", "fmi", "fmilib", "inference", "_thread")))
    assert not in_image("no_such_package")


def test_initialize_tells_everything_in_one_error(s3: S3Client, context: SimpleNamespace) -> None:
    upload(s3, {"Inference/run.py": "import no_such_a"})
    payload: dict[str, Any] = {
        **INPUT,
        "world_size": 5000,
        "data_path": "/tmp/lab/none.pt",
        "data_prefix": "no/such",
    }
    with pytest.raises(InputError) as caught:
        start(context, payload)
    message = str(caught.value)
    for part in ("no_such_a (run.py)", '"data_path"', "no/such/", '"world_size" is 5000'):
        assert part in message
    with pytest.raises(InputError) as caught:
        start(context, {**payload, "script": "/tmp/lab/none.py"})
    assert "There is no object 'lab/none.py'" in str(caught.value)
    assert '"data_path"' in str(caught.value)
