"""Orders from the environment variables, and how many threads to use where."""

from pathlib import Path

import pytest

from cosmic_fmi.common.contract.variables import VariablesError
from inference.rank.environment import RankEnvironment, threads

MINIMAL = {"RANK": "1", "WORLD_SIZE": "4", "S3_BUCKET": "b", "RESULT_PATH": "results/x/"}


def test_partitions() -> None:
    orders = RankEnvironment.from_env(
        MINIMAL
        | {
            "DATA_BUCKET": "d",
            "DATA_FILES": '["25MB/1.pt", "25MB/10.pt"]',
            "BATCH_SIZE": "64",
            "EXECUTION_ID": "e",
        }
    )
    assert (orders.rank, orders.world_size, orders.batch_size) == (1, 4, 64)
    assert orders.data_files == ("25MB/1.pt", "25MB/10.pt")
    assert orders.result_key == "results/x/1.json"
    assert orders.described_data == "25MB/1.pt, 25MB/10.pt"


def test_with_partitions_the_course_s_data_path_is_no_local_file() -> None:
    course = {"DATA_FILES": '["25MB/1.pt"]', "DATA_PATH": "25MB/1.pt"}
    orders = RankEnvironment.from_env(MINIMAL | course)
    assert (orders.data_files, orders.data_path) == (("25MB/1.pt",), None)


def test_a_local_file_and_defaults() -> None:
    orders = RankEnvironment.from_env(MINIMAL | {"DATA_PATH": "/tmp/a b/c.pt"})
    assert orders.data_path == Path("/tmp/a b/c.pt")
    assert orders.batch_size == 512
    assert orders.data_files == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"RANK": ""}, "RANK is not set"),
        ({"RANK": "4"}, "not below"),
        ({"WORLD_SIZE": "four"}, "WORLD_SIZE is 'four'"),
        ({"BATCH_SIZE": "0"}, "at least 1"),
        ({"S3_BUCKET": ""}, "S3_BUCKET"),
        ({"DATA_FILES": "1.pt"}, "not JSON"),
        ({"DATA_FILES": "{}"}, "JSON list"),
    ],
)
def test_bad_orders(change: dict[str, str], message: str) -> None:
    with pytest.raises(VariablesError, match=message):
        RankEnvironment.from_env(MINIMAL | change)


@pytest.mark.parametrize(
    ("variables", "world_size", "expected"),
    [
        ({}, 4, 8),
        ({"OMP_NUM_THREADS": "3"}, 4, 3),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}, 4, 1),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008"}, 4, 2),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240"}, 4, 6),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}, 4, 1),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:5000", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240"}, 4, 2),
        ({"AWS_ENDPOINT_URL": "http://localhost:5000"}, 32, 1),
        ({"AWS_ENDPOINT_URL": "https://s3.eu-central-1.amazonaws.com"}, 32, 8),
    ],
)
def test_threads_follow_the_share_of_the_machine(
    variables: dict[str, str], world_size: int, expected: int
) -> None:
    assert threads(world_size, variables, cores=8) == expected
