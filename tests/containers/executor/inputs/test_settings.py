"""The script's own variables and arguments: checked, passed on, and gone in the next execution."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from containers.executor import outcomes
from containers.executor.handlers import execute
from containers.executor.inputs.mistakes import InputError
from containers.executor.inputs.payload import parse
from containers.executor.inputs.settings import MOST_BYTES, OURS
from tests.containers.executor.conftest import ATTEMPT, BUCKET
from tests.containers.executor.handlers.test_execute import event, outcome, upload
from tests.containers.executor.handlers.test_initialize import manifest, start
from tests.containers.executor.inputs.test_payload import FOLDER, SCRIPT

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def test_numbers_become_text() -> None:
    wanted = parse({**FOLDER, "environment": {"BAND": "r", "_N": 3, "Z": 0.5}, "arguments": ["--n", 3, 0.5]})
    assert wanted.variables == {"BAND": "r", "_N": "3", "Z": "0.5"}
    assert wanted.arguments == ["--n", "3", "0.5"]


@pytest.mark.parametrize("nothing", [{}, {"environment": None, "arguments": None}, {"environment": ""}])
def test_both_are_optional(nothing: dict[str, Any]) -> None:
    wanted = parse({**FOLDER, **nothing})
    assert (wanted.variables, wanted.arguments) == ({}, [])


def test_wavelengths_are_no_reserved_names() -> None:
    assert parse({**FOLDER, "environment": {"LAMBDA_MIN": 380}}).variables == {"LAMBDA_MIN": "380"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"environment": ["A=1"]}, "\"environment\" is ['A=1']: give an object of names and values"),
        ({"environment": {"1A": 1, "A-B": 1}}, "\"environment\" has '1A', 'A-B': make names of letters"),
        ({"environment": {"": 1}}, "\"environment\" has '': make names"),
        ({"environment": {"RANK": 1}}, '"environment" has RANK, which the executor or AWS Lambda sets'),
        ({"environment": {"AWS_REGION": "x", "_HANDLER": "x"}}, "has AWS_REGION, _HANDLER, which"),
        ({"environment": {"A": True}}, '"environment" has A, which is True: give a string or a number'),
        ({"environment": {"A": None}}, "which is None: give a string or a number"),
        ({"environment": {"A": "x\0y"}}, "a character that no variable or argument can"),
        ({"environment": {"A": "\ud800"}}, "a character that no variable or argument can"),
        ({"arguments": "--band r"}, '"arguments" is \'--band r\': give a list such as ["--band", "r"].'),
        (
            {"arguments": ["a", ["b"]]},
            "\"arguments\" has number 2, which is ['b']: give a string or a number",
        ),
        ({"environment_from": "ssm:/x"}, "\"environment_from\" is 'ssm:/x': give an object such as"),
        (
            {"environment_from": {"T": "/x"}},
            '"environment_from" has T: give "ssm:" and the name of a parameter',
        ),
        ({"environment_from": {"RANK": "ssm:/x"}}, "which the executor or AWS Lambda sets"),
        ({"arguments": ["x" * MOST_BYTES]}, "more than 16,384: put what is long into a file of the bundle."),
    ],
)
def test_every_mistake_is_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parse({**FOLDER, **changes})
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse(
            {
                "bucket": "s3://b",
                "S3_object_name": "/x",
                "script": "/opt/x.py",
                "batch_size": "many",
                "environment": {"RANK": 1, "A": None},
                "arguments": 3,
            }
        )
    message = str(caught.value)
    for part in ('"bucket"', '"world_size" is missing', '"batch_size"', "RANK", "A, which", '"arguments"'):
        assert part in message
    assert message.count('"S3_object_name" is') == 1, "what follows from it is not told again"


def test_everything_that_the_executor_sets_is_reserved(s3: S3Client, context: SimpleNamespace) -> None:
    before = set(os.environ)
    everything = event(
        data_path="/tmp/x",
        data_bucket="d",
        data_prefix="p",
        data_files=["p/1"],
        data_version="v",
        stored_result=True,
        batch_size=1,
        payload_key="k",
        rendezvous={"host": "127.0.0.1", "port": 1},
    )
    upload(s3, f"import os\nfor name in set(os.environ) - {before!r}: print(name)")
    execute.handler(everything, context)
    seen = set(outcome().output_tail)
    assert seen <= OURS
    assert {"RANK", "FMI_CONFIG", "DOWNLOAD_SECONDS", "DATA_PATH", "PAYLOAD_KEY"} <= seen


def test_they_reach_the_script_and_not_the_next_one(s3: S3Client, context: SimpleNamespace) -> None:
    source = b"import os, sys\nprint(os.environ.get('BAND'), sys.argv[1:])"
    s3.put_object(Bucket=BUCKET, Key=SCRIPT["S3_object_name"], Body=source)
    given = {**SCRIPT, "world_size": 1, "environment": {"BAND": "r", "N": 3}, "arguments": ["--n", 3]}
    for payload, printed in ((given, "r ['--n', '3']"), ({**SCRIPT, "world_size": 1}, "None []")):
        [item] = manifest(s3, start(context, {**payload, "bucket": BUCKET}))
        execute.handler({"item": item, "rendezvous": None}, context)
        assert outcomes.read(BUCKET, ATTEMPT, 0).output_tail == [printed]


def test_other_settings_are_other_work(s3: S3Client, context: SimpleNamespace) -> None:
    upload(s3, "import os\nprint(os.environ['WORK_ID'])")
    ids = []
    for changes in ({}, {"variables": {"A": "1"}}, {"arguments": ["1"]}, {}):
        execute.handler(event(data_version="v1", **changes), context)
        ids.append(outcome().output_tail[0])
    assert len(set(ids)) == 3
    assert ids[0] == ids[3]
