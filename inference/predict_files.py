"""Redshifts of the galaxies in a file or in a folder of partitions, and the results as files."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_fmi.common.files import OutputError, make_writable, write_atomically
from inference import plots
from inference.core.config import ModelError
from inference.core.errors import DataError
from inference.data.partitions import partition_files
from inference.data.sources import FileSource, Source, Traffic, file_partitions
from inference.engines import base as engine
from inference.engines.select import Choice, open_engine
from inference.metrics import Metrics, measure
from inference.rank.judge import Judge
from inference.rank.reduce import NO_MESSAGES
from inference.rank.results import Predictions, course_keys


@dataclass(frozen=True)
class Outcome:
    """What a run found, and which partitions could not be used."""

    metrics: Metrics
    predictions: Predictions
    refused: Sequence[DataError]
    notes: Sequence[str]
    """Sentences about galaxies that are not to be believed."""


def predict(given: argparse.Namespace) -> Outcome:
    """Predict as the arguments of `python -m inference.predict` say.

    Raises DataError, ModelError or OutputError with one sentence.
    """
    started = time.perf_counter()
    chosen = Choice(given.engine, given.device, given.precision, given.threads, given.heads)
    ready, judge = open_engine(given.model, chosen), Judge(given.model)
    source: Source = FileSource(given.data)
    if given.data.is_dir():
        source = file_partitions(partition_files(given.data))
    batch_size = 0 if given.batch_size == "auto" else int(given.batch_size)
    run, predictions = engine.Run(), Predictions.none()
    for galaxies in source.parts():
        make_writable(given.output)  # before the work, but not for data that cannot be used
        batch_size = batch_size or engine.choose_batch_size(ready, galaxies)
        part = engine.predict(ready, galaxies, batch_size)
        predictions += judge(galaxies, part)
        run += part
        if given.data.is_dir():
            print(f"{len(run.redshift):,} galaxies, {part.samples_per_second:.0f} a second", flush=True)
        del galaxies  # while it lives, the next partition but one must not
    metrics = measure(*predictions.judged)
    result = {
        **course_keys(run, batch_size, ready),
        **predictions.report(),
        "rank": 0,
        "world_size": 1,
        "result_path": str(given.output),
        "data_path": str(given.data),
        "download_time (seconds)": source.waited,
        **Traffic().as_dict(),
        "fmi": NO_MESSAGES,
        "total_time (seconds)": time.perf_counter() - started,
        "refused_partitions": [str(error) for error in source.refused],
        "metrics": metrics.as_dict(),
        **metrics.as_dict(),
    }
    _write(given.output, result, predictions, metrics)
    return Outcome(metrics, predictions, source.refused, list(judge.notes(predictions)))


def _write(folder: Path, result: dict[str, object], predictions: Predictions, metrics: Metrics) -> None:
    make_writable(folder)
    last, picture = folder / "Results.json", folder / "inference.png"
    for earlier in (last, picture):  # of an earlier run, which says nothing of these predictions
        earlier.unlink(missing_ok=True)
    write_atomically(folder / "predictions.parquet", predictions.parquet())
    if metrics.num_samples:
        predicted, true = predictions.judged
        plots.scatter(true, predicted, metrics, picture)
    write_atomically(last, (json.dumps(result, indent=2) + "\n").encode())


def run(given: argparse.Namespace) -> int:
    """Predict, and say what came out; returns 1 after one sentence on stderr for whatever of data, model or
    output is unusable.

    Partitions that can be used are predicted also when others cannot.
    """
    try:
        outcome = predict(given)
    except (DataError, ModelError, OutputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or given.output}: {error.strerror or error}.", file=sys.stderr)
        return 1
    print(f"{outcome.metrics}; results in {given.output}")
    if failed := outcome.predictions.failed:
        shown = ", ".join(str(one) for one in failed[:10]) + (", …" if len(failed) > 10 else "")
        print(f"warning: no prediction for {len(failed)} galaxies: {shown}", file=sys.stderr)
    for note in outcome.notes:
        print(f"note: {note}", file=sys.stderr)
    for refusal in outcome.refused:
        print(f"error: {refusal}", file=sys.stderr)
    return 1 if outcome.refused else 0
