"""Prepares a user's galaxies: progress, a summary for people, delivery."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from cosmic_fmi.experiment.aws.clients import Clients, session
from cosmic_fmi.experiment.data.delivery import Bucket, Delivery
from cosmic_fmi.experiment.errors import DeliveryError
from cosmic_fmi.experiment.targets.aws import AwsTarget
from cosmic_fmi.experiment.targets.base import Target
from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.experiment.ui.console import Reporter
from inference.preparation import effects
from inference.preparation.blocks import Source
from inference.preparation.prepare import SUMMARY, Options, Preparation
from inference.preparation.survey import OUTLIER, Survey

SCHEME = "s3://"

_OF_A_SPLIT = ("read", "kept", "split", "seed", "magnitudes")
"""What of the summary says which galaxies are in which part, and as what."""


@dataclass(frozen=True)
class Destination:
    """What of a target uploads go to: a prefix of its deployment's bucket, or ``s3://bucket/prefix``."""

    target: str
    place: str

    @contextmanager
    def opened(self, reporter: Reporter) -> Iterator[Bucket]:
        """The bucket, with clients that reach it; an embedded AWS that this started ends if it fails."""
        named = self.place.startswith(SCHEME)
        bucket, _, prefix = self.place.removeprefix(SCHEME).partition("/") if named else ("", "", self.place)
        if named and not bucket:
            raise DeliveryError(f"{self.place} names no bucket: write {SCHEME}bucket/prefix")
        if named and self.target == "aws":  # any bucket that the credentials reach, without a deployment
            yield Bucket(Clients(session()).s3, bucket, prefix.strip("/"))
            return
        target: Target = LocalTarget() if self.target == "local" else AwsTarget()
        done = False
        try:
            deployment = target.prepare(reporter)
            yield Bucket(target.clients.s3, bucket or deployment.bucket, prefix.strip("/"))
            done = True
        finally:
            target.release(abandoned=not done)


def prepare(source: Source, options: Options, delivery: Delivery, reporter: Reporter) -> None:
    """Examine the source, say what was found, and deliver the partitions and the reports.

    Raises DataError when the data cannot be used, DeliveryError when the place cannot.
    """
    with reporter.step(f"Checking {source.name}") as step:

        def tell(count: int) -> None:
            if not step.note:
                delivery.reach()  # before all the reading, but not for data that cannot be used
            step.update(note=f"{count:,} objects")

        preparation = Preparation(source, options, tell)
    for line in found(preparation):
        reporter.message(line)
    delivery.check(preparation.expected, options.suffix)
    _check_split(preparation.summary(), delivery)
    with reporter.step("Making partitions", total=preparation.count) as step:
        delivery.take(preparation.partitions(), preparation.count, step)
    reports = list(preparation.reports())
    with reporter.step(f"Writing {', '.join(file.name for file in reports)}", total=len(reports)) as step:
        delivery.take(reports, len(reports), step)


def _check_split(summary: Mapping[str, object], delivery: Delivery) -> None:
    """Raise DeliveryError when what is there was split in another way, or is an experiment's.

    Until the last of its partitions is written over, galaxies of one split's test part would be in the
    other's training part.
    """
    for place, content in delivery.held(SUMMARY):
        try:
            earlier = dict(json.loads(content))
        except (ValueError, TypeError):
            raise DeliveryError(f"{place} is of something else: choose another place") from None
        if summary["split"] is None:
            continue
        other = [name for name in _OF_A_SPLIT if earlier.get(name) != summary[name]]
        if other:
            was = ", ".join(f"{name} {earlier.get(name)}" for name in other)
            raise DeliveryError(
                f"{place}: what is there was split in another way ({was}): delete it or choose another place"
            )


def found(preparation: Preparation) -> Iterator[str]:
    """What was kept and dropped, and what that makes, line by line."""
    kept = preparation.survey.kept
    yield f"{len(kept):,} objects read, {int(kept.sum()):,} kept, {int((~kept).sum()):,} dropped:"
    for reason, count in preparation.survey.dropped().items():
        yield f"  {count:>9,}  {reason}"
    yield from _remarks(preparation.survey)
    for folder in preparation.folders:
        different = int(folder.rows.sum())
        copies = f" (copies of {different:,})" if folder.count > different else ""
        yield (
            f"{folder.name}: {folder.count:,} galaxies{copies} in {folder.files:,} "
            f"partition{'s' if folder.files > 1 else ''} of {folder.per_file:,}"
        )


def _remarks(survey: Survey) -> Iterator[str]:
    """What was read as what, and what the rules do to the survey."""
    yield from survey.source.notes
    if unknown := effects.unknown(survey):
        yield f"{unknown:,} of those that are kept have no redshift: they can be predicted, not judged"
    if impossible := effects.impossible(survey):
        yield f"{impossible:,} of these have an impossible redshift, which is taken as unknown"
    if survey.outlier.any():
        yield f"{int(survey.outlier.sum()):,} outliers in colour (column {OUTLIER} of the partitions)"
    yield from effects.warnings(survey)
