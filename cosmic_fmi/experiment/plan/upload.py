"""Put what an experiment needs into the deployment's bucket, skipping what is there already."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_fmi.common.checkout import PACKAGES
from cosmic_fmi.common.fingerprint import fingerprint
from cosmic_fmi.experiment.aws.s3_sync import Upload, sync
from cosmic_fmi.experiment.errors import TargetError
from cosmic_fmi.experiment.paths import LOCAL_STATE
from cosmic_fmi.experiment.plan.payloads import BUNDLE_PREFIX
from cosmic_fmi.experiment.ui.console import Reporter
from inference.survey.synthetic import SAMPLE_SIZE, sample_set

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

BUNDLE = PACKAGES / "inference" / "bundle"
_SAMPLE_SOURCES = ("inference/core", "inference/data", "inference/survey")


def partitions_for(world_size: int) -> int:
    """Partitions of the sample: one at least for every rank of the largest world, but no empty ones."""
    return min(max(16, world_size), SAMPLE_SIZE)


def upload_bundle(s3: S3Client, bucket: str, reporter: Reporter) -> None:
    """The script and the model, below ``Anomaly Detection/``."""
    files = [path for path in sorted(BUNDLE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    if not any(path.suffix == ".safetensors" for path in files):
        raise TargetError(f"there is no model below {BUNDLE}: make one as docs/checkpoint.md says")
    uploads = [Upload(path, f"{BUNDLE_PREFIX}/{path.relative_to(BUNDLE).as_posix()}") for path in files]
    sync(s3, bucket, f"{BUNDLE_PREFIX}/", uploads, reporter=reporter, title="Uploading the AstroMAE bundle")


def upload_sample(s3: S3Client, bucket: str, partitions: int, reporter: Reporter) -> str:
    """The sample galaxies in this many partitions; returns their prefix, ``sample/<partitions>``."""
    prefix = f"sample/{partitions}"
    files = sample_files(partitions, reporter)
    uploads = [Upload(path, f"{prefix}/{path.name}") for path in files]
    title = f"Uploading {SAMPLE_SIZE:,} galaxies in {partitions} partitions"
    sync(s3, bucket, f"{prefix}/", uploads, reporter=reporter, title=title)
    return prefix


def sample_files(partitions: int, reporter: Reporter, cache: Path = LOCAL_STATE / "sample") -> list[Path]:
    """The sample as files 1.pt, 2.pt, ... made once; the cache is told apart by the generator's source."""
    folder = cache / f"{partitions}-{fingerprint(PACKAGES, _SAMPLE_SOURCES)[:12]}"
    if not folder.is_dir():
        with reporter.step(f"Making {SAMPLE_SIZE:,} galaxies"):
            # Only here: it imports PyTorch, which takes seconds, and the sample is made once.
            from inference.data.partitions import write_partitions  # noqa: PLC0415

            cache.mkdir(parents=True, exist_ok=True)
            # A folder of one's own: another command may make the same at the same time.
            with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=cache) as partial:
                made = Path(partial) / "sample"
                made.mkdir()
                write_partitions(made, sample_set(), count=partitions)
                try:
                    made.rename(folder)
                except OSError:
                    if not folder.is_dir():
                        raise
    return sorted(folder.glob("*.pt"))
