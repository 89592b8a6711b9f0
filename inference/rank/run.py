"""One rank of a distributed inference run, as the script that the executor starts in a Lambda function.

It reads its orders from the environment, joins the world, predicts the redshifts of
its share, combines the metrics with the other ranks and writes `<result path>/<rank>.json` and
`<rank>.parquet`. A warm environment runs it again and again in the same process. Heavy modules are imported
while the clock of the "import" phase runs, not at the top.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.rank.environment import RankEnvironment, threads
from inference.rank.reduce import NO_MESSAGES, Alone, World, world_metrics

if TYPE_CHECKING:
    from cosmic_fmi.common.contract.result import RankResult
    from inference.data.sources import CountedS3, Source
    from inference.engines.base import Engine, Run
    from inference.rank.judge import Judge
    from inference.rank.results import Predictions
    from inference.rank.resume import Work


@dataclass
class Phases:
    """Seconds spent in each phase of the run."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Count the block's time under `name`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def split_setup(self, seconds: float) -> None:
        """Connecting happened within "reduce"; count it as the phase "setup" instead."""
        self.seconds["setup"] = seconds
        self.seconds["reduce"] = max(0.0, self.seconds["reduce"] - seconds)


def main(model_path: Path) -> None:
    """Run the rank that the environment variables describe, with the checkpoint at `model_path`.

    Raises what went wrong (VariablesError, ModelError, fmi.FMIError, botocore errors; DataError for a file
    that the ranks share) after telling the other ranks, which then fail too instead of waiting. A partition
    that cannot be used is no reason for that: the rank predicts its others, and its result lists what it left
    out, from which Summarize learns it.
    """
    environment = RankEnvironment.from_env()
    with joined(environment) as (world, messages):
        work(environment, model_path, world, messages)


@contextmanager
def joined(environment: RankEnvironment) -> Iterator[tuple[World, Callable[[], Mapping[str, Any]]]]:
    """The world to reduce in, with a function that gives its message statistics; an error aborts it.

    Ranks pair when the first message needs it, after their own work: pairing first would make every rank wait
    for the slowest cold start before it computes anything.
    """
    if environment.world_size == 1:
        yield Alone(), lambda: NO_MESSAGES
        return
    import fmi  # noqa: PLC0415 - a rank on its own needs no messages
    from inference.rank._fmi_world import FmiWorld  # noqa: PLC0415

    with fmi.from_env() as communicator:
        say(environment, "part of the world")
        yield FmiWorld(communicator, environment.rank, environment.world_size), communicator.stats


def work(
    environment: RankEnvironment,
    model_path: Path,
    world: World,
    messages: Callable[[], Mapping[str, Any]],
) -> None:
    """Predict this rank's share, combine the metrics, and upload both results."""
    phases = Phases()
    s3, source = open_source(environment)
    with phases.measure("import"):
        from inference.metrics import Residuals, measure  # noqa: PLC0415 - timed: most of a cold start
        from inference.rank.resume import recall, store  # noqa: PLC0415
    done = recall(s3, environment) or compute(environment, model_path, source, phases)
    if done.reused:
        phases.seconds |= {"download": 0.0, "inference": 0.0}
        say(environment, "an earlier attempt predicted this share already: its predictions are used again")
    store(s3, environment, done, whole=not source.refused)
    predictions = done.predictions
    with phases.measure("reduce"):
        residuals = Residuals.of(*predictions.judged)
        everyone = world_metrics(world, residuals)
    phases.split_setup(messages()["setup_seconds"])
    say(environment, f"metrics of the world: {everyone}")
    result: RankResult = {
        **done.keys,
        **predictions.report(),
        "rank": environment.rank,
        "world_size": environment.world_size,
        "execution_id": environment.execution_id,
        "result_path": environment.result_path,
        "data_path": environment.described_data,
        "reused": done.reused,
        "download_time (seconds)": phases.seconds["download"],
        "bundle_download_time (seconds)": environment.bundle_download_seconds,
        **s3.traffic.as_dict(),
        "fmi": dict(messages()),
        "metrics": measure(*predictions.judged).as_dict(),
        "world_metrics": everyone.as_dict(),
        "phases": phases.seconds,
        "refused_partitions": [str(error) for error in source.refused],
    }
    s3.put(environment.bucket, environment.result_key, json.dumps(result, indent=2).encode())
    say(environment, f"wrote {environment.result_key} and {environment.predictions_key}")


def compute(environment: RankEnvironment, model_path: Path, source: "Source", phases: Phases) -> "Work":
    """Predict this rank's share."""
    with phases.measure("import"):
        from inference.engines.select import Choice, open_engine  # noqa: PLC0415
        from inference.rank.judge import Judge  # noqa: PLC0415
        from inference.rank.results import course_keys  # noqa: PLC0415
        from inference.rank.resume import Work  # noqa: PLC0415

        engine = open_engine(model_path, Choice(device="cpu", threads=threads(environment.world_size)))
        judge = Judge(model_path)
    run, predictions = infer(engine, judge, source, environment, phases)
    return Work(predictions, course_keys(run, environment.batch_size, engine))


def open_source(environment: RankEnvironment) -> tuple["CountedS3", "Source"]:
    """The bucket's traffic counter and this rank's data: its partitions, or its share of one local file."""
    import boto3  # noqa: PLC0415

    from inference.data.sources import CountedS3, FileSource, s3_partitions  # noqa: PLC0415

    s3 = CountedS3(boto3.client("s3"))
    if environment.data_path is not None:
        return s3, FileSource(environment.data_path, environment.rank, environment.world_size)
    return s3, s3_partitions(s3, environment.data_bucket or environment.bucket, environment.data_files)


def infer(
    engine: "Engine", judge: "Judge", source: "Source", environment: RankEnvironment, phases: Phases
) -> tuple["Run", "Predictions"]:
    """Predict partition by partition; waiting for data counts as the "download" phase."""
    from inference.engines.base import Run, predict  # noqa: PLC0415
    from inference.rank.results import Predictions  # noqa: PLC0415

    run, predictions = Run(), Predictions.none()
    for galaxies in source.parts():
        part = predict(engine, galaxies, environment.batch_size)
        run += part
        predictions += judge(galaxies, part)
        del galaxies  # while it lives, the next partition but one must not
    for error in source.refused:
        say(environment, f"left out: {error}")
    phases.seconds["download"], phases.seconds["inference"] = source.waited, run.wall_seconds
    if len(run.redshift):
        say(environment, f"{len(run.redshift)} galaxies, {run.samples_per_second:.0f} a second")
    else:
        say(environment, "no galaxies for this rank: it only takes part in the reduction")
    if predictions.failed:
        say(environment, f"{len(predictions.failed)} galaxies have no prediction: see failed_object_ids")
    for note in judge.notes(predictions):
        say(environment, note)
    return run, predictions


def say(environment: RankEnvironment, text: str) -> None:
    """A log line that says which rank speaks."""
    print(f"rank {environment.rank}/{environment.world_size}: {text}", flush=True)
