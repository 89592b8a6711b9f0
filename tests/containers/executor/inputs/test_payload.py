"""The three input shapes, and a sentence for every mistake."""

from __future__ import annotations

from typing import Any

import pytest

from containers.executor.inputs.mistakes import InputError
from containers.executor.inputs.payload import parse

FOLDER: dict[str, Any] = {
    "bucket": "b",
    "world_size": "4",
    "object_type": "folder",
    "S3_object_name": "scripts/Anomaly Detection",
    "data_path": "/tmp/scripts/Anomaly Detection/Inference/resized_inference.pt",
    "script": "/tmp/scripts/Anomaly Detection/Inference/inference.py",
}
PARTITIONS: dict[str, Any] = {
    "bucket": "b",
    "file_limit": "11",
    "batch_size": 512,
    "object_type": "folder",
    "S3_object_name": "Anomaly Detection",
    "script": "/tmp/Anomaly Detection/Inference/inference.py",
    "result_path": "result-partition-100MB/1GB/1",
    "data_bucket": "d",
    "data_prefix": "100MB",
}
SCRIPT: dict[str, Any] = {
    "bucket": "b",
    "world_size": 2,
    "object_type": "script",
    "S3_object_name": "scripts/fmi test.py",
    "script": "/tmp/scripts/fmi test.py",
}


def test_folder_shape() -> None:
    wanted = parse(FOLDER)
    assert (wanted.world_size, wanted.object_name) == (4, "scripts/Anomaly Detection")
    assert wanted.script_key == "scripts/Anomaly Detection/Inference/inference.py"
    assert wanted.data_path == "/tmp/scripts/Anomaly Detection/Inference/resized_inference.pt"
    assert (wanted.data_bucket, wanted.data_prefix, wanted.result_path) == (None, None, None)


def test_partition_shape_takes_its_world_size_from_file_limit() -> None:
    wanted = parse(PARTITIONS)
    assert (wanted.world_size, wanted.file_limit, wanted.batch_size) == (11, 11, 512)
    assert (wanted.data_bucket, wanted.data_prefix) == ("d", "100MB")
    assert wanted.result_path == "result-partition-100MB/1GB/1"
    assert parse({**PARTITIONS, "world_size": "3"}).world_size == 3


@pytest.mark.parametrize("object_type", ["script", "file"])
def test_script_shape(object_type: str) -> None:
    wanted = parse({**SCRIPT, "object_type": object_type})
    assert wanted.script == "/tmp/scripts/fmi test.py"
    without = {key: value for key, value in SCRIPT.items() if key != "script"}
    assert parse(without).script == wanted.script


def test_unknown_keys_and_empty_values_are_left_alone() -> None:
    wanted = parse({**FOLDER, "comment": "hello", "batch_size": "", "result_path": None})
    assert (wanted.batch_size, wanted.result_path) == (None, None)


def test_slashes_at_the_ends_of_keys_do_not_matter() -> None:
    wanted = parse({**PARTITIONS, "S3_object_name": "Anomaly Detection/", "result_path": "results/"})
    assert (wanted.object_name, wanted.result_path) == ("Anomaly Detection", "results")


def test_data_lies_in_the_scripts_bucket_unless_said_otherwise() -> None:
    assert parse({**PARTITIONS, "data_bucket": None}).data_bucket == "b"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bucket": None}, '"bucket" is missing: add the name of the S3 bucket'),
        ({"bucket": "s3://b/x"}, "give only the bucket's name"),
        ({"bucket": 7}, '"bucket" has to be a string, not 7'),
        ({"S3_object_name": ""}, '"S3_object_name" is missing: add the key'),
        ({"S3_object_name": "../x"}, 'without "/" at its start and without ".."'),
        ({"S3_object_name": "/x"}, 'without "/" at its start and without ".."'),
        ({"S3_object_name": "s3://b/x"}, 'leave out "s3://" and the bucket'),
        ({"script": None}, '"script" is missing: add the path of the script to run, such as'),
        ({"script": "/opt/x.py"}, 'outside the bundle: give a path below "/tmp/scripts/Anomaly Detection/"'),
        ({"script": "/tmp/scripts/Anomaly Detection/../x.py"}, "outside the bundle"),
        ({"script": "/tmp/scripts/Anomaly Detection"}, "outside the bundle"),
        ({"script": "/tmp/scripts/Anomaly Detection 2/x.py"}, "outside the bundle"),
        ({"object_type": "tarball"}, 'give "folder" for a folder, "script" for one object'),
        ({"world_size": 0}, '"world_size" is 0: give a whole number of at least 1.'),
        ({"world_size": "-2"}, "\"world_size\" is '-2': give a whole number of at least 1."),
        ({"world_size": "many"}, "\"world_size\" is 'many': give a whole number of at least 1."),
        ({"world_size": 1.5}, '"world_size" is 1.5: give a whole number of at least 1.'),
        ({"world_size": True}, '"world_size" is True: give a whole number of at least 1.'),
        ({"world_size": None}, '"world_size" is missing: add the number of ranks (or "file_limit"'),
        ({"batch_size": "x"}, "\"batch_size\" is 'x': give a whole number of at least 1."),
        ({"file_limit": 0}, '"file_limit" is 0: give a whole number of at least 1.'),
        ({"data_path": "data.pt"}, 'give a path below "/tmp/"'),
        ({"data_path": "/tmp/../etc/passwd"}, 'give a path below "/tmp/"'),
        ({"data_bucket": "d"}, "\"data_prefix\" is missing: add the folder in 'd' that holds the partitions"),
        ({"result_path": "/results"}, 'without "/" at its start and without ".."'),
        (
            {"data_download": "all", "data_prefix": "x"},
            '"data_download" is \'all\': give "dealt" for a share',
        ),
        ({"data_download": "dealt"}, '"data_prefix" is missing: add the folder with the files to download'),
        (
            {"data_download": "dealt", "data_prefix": "x"},
            '"data_path" and "data_download" both say what DATA_PATH is',
        ),
        ({"requirements": "requirements.txt"}, "give the key of a .zip archive of packages"),
    ],
)
def test_every_mistake_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    payload = {**FOLDER, **changes}
    with pytest.raises(InputError) as caught:
        parse(payload)
    message = str(caught.value)
    assert sentence in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_script_of_another_object_is_a_mistake() -> None:
    with pytest.raises(InputError, match=r'the only object downloaded is "/tmp/scripts/fmi test.py"'):
        parse({**SCRIPT, "script": "/tmp/other.py"})


@pytest.mark.parametrize("payload", [None, [], "x", 3])
def test_an_input_that_is_no_object_is_a_mistake(payload: object) -> None:
    with pytest.raises(InputError, match="has to be a JSON object"):
        parse(payload)
