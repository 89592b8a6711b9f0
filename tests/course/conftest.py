"""What the course's scripts and programs run on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmic_fmi.experiment.aws.s3_sync import Upload, sync
from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.experiment.ui.console import Reporter
from inference.data.partitions import write_partitions
from inference.survey.synthetic import sample_set
from tests.course import stand_ins
from tests.course.folder import Course, find
from tests.course.lab import Lab
from tests.e2e.support.stack import Stack

SCRIPTS = ("inference", "inference_FMI")
FILES, GALAXIES_A_FILE = 12, 40


@pytest.fixture(scope="session")
def course() -> Course:
    """The clone."""
    return find(os.environ.get("COURSE"))


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the course's version of timm, for this machine."""
    folder = tmp_path_factory.mktemp("packages")
    stand_ins.install_timm(folder)
    return folder


@pytest.fixture(scope="session")
def bundle(course: Course, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that goes into the bucket, completed."""
    folder = tmp_path_factory.mktemp("bundle") / "Anomaly Detection"
    for made in stand_ins.complete_bundle(course, folder, packages):
        print(made)
    return folder


@pytest.fixture(scope="session")
def lab(course: Course, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A deployment that may use the buckets of the scripts."""
    state = tmp_path_factory.mktemp("state")
    buckets = sorted({course.payload_bucket(name) for name in SCRIPTS})
    target = LocalTarget(
        state=state, variables={"extra_buckets": buckets, "executor_name": "cosmic-executor"}
    )
    deployment = target.prepare(Reporter())
    data = write_partitions(
        tmp_path_factory.mktemp("data") / "100MB", sample_set(12 * GALAXIES_A_FILE), count=12
    )
    try:
        for bucket in buckets:
            target.clients.s3.create_bucket(Bucket=bucket)
            files = [path for path in bundle.rglob("*") if path.is_file()]
            uploads = [
                Upload(path, f"Anomaly Detection/{path.relative_to(bundle).as_posix()}") for path in files
            ]
            uploads += [Upload(path, f"100MB/{path.name}") for path in data]
            sync(target.clients.s3, bucket, "", uploads, reporter=Reporter(), title=f"Uploading to {bucket}")
        yield Lab(course, Stack(state, target, deployment), bundle)
    finally:
        target.destroy(Reporter())
