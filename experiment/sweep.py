"""An experiment from its options to its report: what ``scripts/run_experiment.py`` does after parsing
arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.collect import RunRecord, collect
from experiment.console import Reporter
from experiment.plan import RunSpec, read_payload, sample_payload, script_payload, with_overrides
from experiment.prices import Prices, load_prices
from experiment.report import write_report
from experiment.runs import Execution, FunctionMemory, Runner, new_execution_id
from experiment.summary import Summary
from experiment.table import runs_table
from experiment.targets import Deployment, Target
from experiment.upload import partitions_for, upload_bundle, upload_sample, upload_script

Build = Callable[[RunSpec, str], dict[str, Any]]
"""Makes an execution's input from its settings and its name."""

_RANKS_SHOWN = 8
_LINES_SHOWN = 10


@dataclass(frozen=True)
class Options:
    """What the command line asked for. Without a ``payload`` or a ``script``: AstroMAE on the sample."""

    specs: list[RunSpec]
    output: Path
    resume: bool = False
    payload: Path | None = None
    script: Path | None = None


def run(target: Target, options: Options, reporter: Reporter) -> bool:
    """Make every run that is not done yet; whether all of them succeeded.

    Results are on disk after every run, and the report is written however the experiment ends. Raises
    :class:`~experiment.errors.ExperimentError` when it cannot go on; Ctrl-C is passed on after what runs was
    stopped.
    """
    summary = Summary(options.output, resume=options.resume)
    payload = read_payload(options.payload) if options.payload else None
    summary.prepare()
    todo = [spec for spec in options.specs if not summary.succeeded(spec.run_id)]
    if len(todo) < len(options.specs):
        done = len(options.specs) - len(todo)
        reporter.say(f"{done} of {len(options.specs)} runs are done already (--resume).")
    succeeded = False
    try:
        deployment = target.prepare(reporter)
        prices = load_prices(deployment.region, deployment.architecture)
        try:
            if todo:
                session = _Session(target, deployment, prices, summary, reporter)
                session.make(todo, session.inputs(todo, payload, options.script))
        finally:
            _conclude(summary, prices, reporter)
        succeeded = all(summary.succeeded(spec.run_id) for spec in options.specs)
    finally:
        target.release(abandoned=not succeeded)
    return succeeded


@dataclass(frozen=True)
class _Session:
    """The part of an experiment in which there is a deployment to run on."""

    target: Target
    deployment: Deployment
    prices: Prices
    summary: Summary
    reporter: Reporter

    def inputs(self, specs: list[RunSpec], payload: dict[str, Any] | None, script: Path | None) -> Build:
        """Upload what the runs need; how to make a run's input."""
        if payload is not None:
            return lambda spec, _: with_overrides(payload, spec)
        if script is None:
            return self._sample_inputs(specs)
        bucket = self.deployment.bucket
        key = upload_script(self.target.clients.s3, bucket, script, self.reporter)
        return lambda spec, _: script_payload(spec, bucket, key)

    def make(self, specs: list[RunSpec], build: Build) -> None:
        """Make these runs one after the other and keep each one's results."""
        runner = Runner(self.target, self.deployment, self.reporter)
        with FunctionMemory(self.target.clients, self.deployment) as memory:
            for order, spec in enumerate(specs):
                name = new_execution_id(spec)
                finished = runner.run(Execution(spec, name, build(spec, name), *memory.set(spec.memory_mb)))
                if finished.failure:
                    self.reporter.say(f"Run {spec.run_id} {finished.status}: {finished.failure}", "red")
                record = collect(self.target, self.deployment, finished, self.prices, order)
                self.summary.add(record)
                if finished.execution.mode == "script" and not finished.failure:
                    self._show_output(record)

    def _show_output(self, record: RunRecord) -> None:
        """What a script printed, which is often all that it has to say."""
        for rank, lines in list(record.output.items())[:_RANKS_SHOWN]:
            for line in lines[-_LINES_SHOWN:]:
                self.reporter.say(f"  [{rank}] {line}")
        if record.output:
            self.reporter.say(f"All of it: {self.summary.log_folder(record)}", "dim")

    def _sample_inputs(self, specs: list[RunSpec]) -> Build:
        """Upload the bundle and the sample; how to make a run's input from them."""
        s3, bucket = self.target.clients.s3, self.deployment.bucket
        partitions = partitions_for(max(spec.world_size or 1 for spec in specs))
        upload_bundle(s3, bucket, self.reporter)
        prefix = upload_sample(s3, bucket, partitions, self.reporter)
        return lambda spec, name: sample_payload(spec, bucket, prefix, f"results/{name}")


def _conclude(summary: Summary, prices: Prices, reporter: Reporter) -> None:
    """The table and the report of what is there, also when the experiment was cut short."""
    if not summary.rows:
        return
    reporter.console.print(runs_table(summary.rows, reporter.console.width))
    if any(row["target"] == "local" for row in summary.rows):
        reporter.say(
            "Cost is what the same run would have cost on AWS; on this machine it cost nothing.", "dim"
        )
    with reporter.step("Writing the report"):
        path = write_report(summary, prices)
    reporter.say(f"Report: {path}", "bold")
