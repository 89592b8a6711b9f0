"""An experiment from its options to its report: what ``scripts/run_experiment.py`` does after parsing
arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.collect import collect
from experiment.console import Reporter
from experiment.cost import load_prices
from experiment.plan import RunSpec, read_payload, sample_payload, with_overrides
from experiment.report import write_report
from experiment.runs import Execution, FunctionMemory, Runner, new_execution_id
from experiment.summary import Summary
from experiment.table import runs_table
from experiment.targets import Deployment, Target
from experiment.upload import partitions_for, upload_bundle, upload_sample


@dataclass(frozen=True)
class Options:
    """What the command line asked for. ``payload`` None means the built-in sample."""

    specs: list[RunSpec]
    output: Path
    resume: bool = False
    payload: Path | None = None


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
        try:
            if todo:
                _Session(target, deployment, summary, reporter).make(todo, payload)
        finally:
            _conclude(summary, deployment, reporter)
        succeeded = all(summary.succeeded(spec.run_id) for spec in options.specs)
    finally:
        target.release(abandoned=not succeeded)
    return succeeded


@dataclass(frozen=True)
class _Session:
    """The part of an experiment in which there is a deployment to run on."""

    target: Target
    deployment: Deployment
    summary: Summary
    reporter: Reporter

    def make(self, specs: list[RunSpec], payload: dict[str, Any] | None) -> None:
        """Make these runs one after the other and keep each one's results."""
        build = self._sample_payloads(specs) if payload is None else None
        runner = Runner(self.target, self.deployment, self.reporter)
        with FunctionMemory(self.target.clients, self.deployment) as memory:
            for spec in specs:
                name = new_execution_id(spec)
                content = build(spec, name) if build else with_overrides(payload or {}, spec)
                finished = runner.run(Execution(spec, name, content, *memory.set(spec.memory_mb)))
                if finished.failure:
                    self.reporter.say(f"Run {spec.run_id} {finished.status}: {finished.failure}", "red")
                self.summary.add(collect(self.target, self.deployment, finished))

    def _sample_payloads(self, specs: list[RunSpec]) -> Callable[[RunSpec, str], dict[str, Any]]:
        """Upload the bundle and the sample; how to make a run's input from them."""
        s3, bucket = self.target.clients.s3, self.deployment.bucket
        partitions = partitions_for(max(spec.world_size or 1 for spec in specs))
        upload_bundle(s3, bucket, self.reporter)
        prefix = upload_sample(s3, bucket, partitions, self.reporter)
        return lambda spec, name: sample_payload(spec, bucket, prefix, f"results/{name}")


def _conclude(summary: Summary, deployment: Deployment, reporter: Reporter) -> None:
    """The table and the report of what is there, also when the experiment was cut short."""
    if not summary.rows:
        return
    reporter.console.print(runs_table(summary.rows, reporter.console.width))
    if any(row["target"] == "local" for row in summary.rows):
        reporter.say(
            "Cost is what the same run would have cost on AWS; on this machine it cost nothing.", "dim"
        )
    with reporter.step("Writing the report"):
        path = write_report(summary, load_prices(deployment.region, deployment.architecture))
    reporter.say(f"Report: {path}", "bold")
