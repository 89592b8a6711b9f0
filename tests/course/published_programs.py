"""The course's helper programs, on what this system's own ranks leave (see published_scripts.py).

What stands in a program and has to be edited is edited here as docs/course.md says.
"""

from __future__ import annotations

import csv
import json

import pytest

from cosmic_fmi.experiment.plan.upload import upload_bundle, upload_sample
from cosmic_fmi.experiment.ui.console import Reporter
from tests.course.lab import Lab
from tests.course.programs import Programs, synced

pytestmark = pytest.mark.timeout(900)

BATCH_SIZES, REPETITIONS = (32, 64, 128, 256, 512), (1, 2, 3)
"""Of stats.py, which wants a result of each."""
RUNS = [(f"Batches/{size}/{run}", size) for size in BATCH_SIZES for run in REPETITIONS]
RUNS += [(str(run), 512) for run in REPETITIONS]


@pytest.fixture(scope="module")
def programs(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The programs, with results of this system's own ranks where they look for theirs."""
    bucket, output = lab.stack.deployment.bucket, tmp_path_factory.mktemp("measured")
    s3 = lab.stack.target.clients.s3
    upload_bundle(s3, bucket, Reporter())
    sample = upload_sample(s3, bucket, 16, Reporter())
    for number in (1, 2):  # in a folder whose name the notebook takes for the size of its files
        s3.copy_object(
            Bucket=bucket,
            Key=f"25MB/{number}.pt",
            CopySource={"Bucket": bucket, "Key": f"{sample}/{number}.pt"},
        )
    for path, batch_size in RUNS:
        lab.execute(
            {
                "bucket": bucket,
                "file_limit": "2",
                "batch_size": batch_size,
                "object_type": "folder",
                "S3_object_name": "Anomaly Detection",
                "script": "/tmp/Anomaly Detection/Inference/inference.py",
                "result_path": f"result-partition-25MB/1GB/{path}",
                "data_bucket": bucket,
                "data_prefix": "25MB",
            }
        )
    made = Programs.copy(lab.course.programs, output / "aws", lab.stack.cloud.environment())
    keys = [f"result-partition-25MB/1GB/{path}/combined_data.json" for path, _ in RUNS]
    synced(made.folder, keys, lambda key: json.dumps(lab.read(bucket, key)))
    return made


def rows(programs: Programs, name: str) -> list[dict[str, str]]:
    """A table that a program wrote."""
    with (programs.folder / "results" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_history_results_and_plots(lab: Lab, programs: Programs) -> None:
    """collect_logs.ipynb, then stats.py, then plots.ipynb: each reads what the one before it wrote."""
    course_machine = "arn:aws:states:us-east-1:448324707516:stateMachine:DataParallel-CosmicAI"
    programs.edit("collect_logs.ipynb", course_machine, lab.stack.deployment.state_machine_arn)
    programs.edit("collect_logs.ipynb", 'profile_name= "cylon"', "profile_name=None")
    print(programs.notebook("collect_logs.ipynb"))
    logs = rows(programs, "state_machine_logs.csv")
    assert len(logs) == len(RUNS)
    assert all(float(row["total_duration (s)"]) > float(row["inference_duration (s)"]) > 0 for row in logs)

    print(programs.python("stats.py"))
    for name, column in (
        ("batch_varying_adjusted.csv", "batch_size"),
        ("result_stats_adjusted.csv", "data (GB)"),
    ):
        table = rows(programs, name)
        assert {row["run"] for row in table} == {"1", "2", "3", "mean"}, name
        assert {float(row[column]) for row in table} == (
            {float(size) for size in BATCH_SIZES} if column == "batch_size" else {1.0}
        )
        keys = ("throughput_bps", "total_cpu_time (seconds)", "s3_total_time", "s3_avg_time", "s3_max_time")
        assert all(row[key] for row in table for key in keys), name

    programs.notebook("plots.ipynb")
    for name in ("inference_time", "throughput", "batch_varying_inference_time", "batch_varying_throughput"):
        assert (programs.folder / "figures" / f"{name}.jpg").stat().st_size > 0


def test_the_logs_of_the_executor(programs: Programs) -> None:
    """As they are, where the deployment's executor_name is the course's."""
    printed = programs.python("collect_lambda_logs.py")
    print(printed[-2000:])
    assert "REPORT RequestId: " in printed
    assert "Billed Duration: " in printed


def test_the_cost(programs: Programs) -> None:
    printed = programs.python("compute_cost.py")
    print(printed)
    assert "Total charges: $" in printed
