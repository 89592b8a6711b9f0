"""An experiment from its options to its report: what ``cosmic-fmi run`` does after parsing
arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cosmic_fmi.common.cores import usable_cores
from cosmic_fmi.experiment.cost.prices import Prices, load_prices
from cosmic_fmi.experiment.errors import ResultsError, TargetError
from cosmic_fmi.experiment.execution.collect import collect
from cosmic_fmi.experiment.execution.function_memory import FunctionMemory, storage_mb
from cosmic_fmi.experiment.execution.live_output import LiveOutput
from cosmic_fmi.experiment.execution.own_files import bring_files
from cosmic_fmi.experiment.execution.runner import Execution, Runner, new_execution_id
from cosmic_fmi.experiment.plan.inputs import Input
from cosmic_fmi.experiment.plan.payloads import read_payload
from cosmic_fmi.experiment.plan.plan import DEFAULT_BUDGET_USD, Plan, RunSpec, check_names, number, remaining
from cosmic_fmi.experiment.plan.record import SweepRecord
from cosmic_fmi.experiment.report.report import write_report
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.record import RunRecord
from cosmic_fmi.experiment.schema import RunRow
from cosmic_fmi.experiment.sweep.budget import Spending, confirm, plan_line, plan_table
from cosmic_fmi.experiment.sweep.forecast import Forecast, forecast, model_of
from cosmic_fmi.experiment.sweep.progress import SweepProgress
from cosmic_fmi.experiment.sweep.remarks import remark
from cosmic_fmi.experiment.targets.base import Target
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.ui.command import command_line
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.rank_lines import RankLines
from cosmic_fmi.experiment.ui.signals import shielded
from cosmic_fmi.experiment.ui.tables import runs_table

_DEFAULT_MEMORY_MB = 3008  # of terraform/variables.tf


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    plan: Plan
    output: Path
    input: Input = field(default_factory=Input)
    resume: bool = False
    budget_usd: float = DEFAULT_BUDGET_USD
    assume_yes: bool = False
    """Nobody is asked, and the budget does not stop the sweep."""
    ask: Callable[[str], str] | None = None
    """How to ask; None: on a terminal, if there is one."""

    @property
    def largest_world(self) -> int:
        """Ranks of the largest world asked for; 1 where a payload does not say so in a usable way."""
        payload = read_payload(self.input.payload) if self.input.payload else {}
        asked = number(payload.get("world_size") or payload.get("file_limit")) or 1
        return max(setting.world_size or asked for setting in self.plan.settings)

    @property
    def meets(self) -> bool:
        """Whether ranks connect to each other; a payload may say that they do not."""
        payload = read_payload(self.input.payload) if self.input.payload else {}
        return str(payload.get("rendezvous", True)).lower() != "false"


def run(target: Target, options: Options, reporter: Reporter) -> bool:
    """Make every run that is not done yet; whether all of them succeeded.

    Results are on disk after every run, and the report is written however the experiment ends. Raises
    :class:`~cosmic_fmi.experiment.errors.ExperimentError` when it cannot go on; Ctrl-C is passed on after
    what runs was stopped.
    """
    runs = _checked(options)
    summary = Summary(
        options.output,
        resume=options.resume,
        notify=lambda text: reporter.message(text, "yellow", important=True),
    )
    others = {row["target"] for row in summary.rows} - {target.name}
    if others:
        raise ResultsError(
            f"{options.output} was made with --target {others.pop()}: continue it with that, or name another "
            "--output"
        )
    summary.prepare()
    todo = remaining(runs, lambda spec: summary.succeeded(spec.run_id))
    measured = [spec for spec in runs if not spec.warm_up]
    if len(todo) < len(runs):
        done = sum(summary.succeeded(spec.run_id) for spec in measured)
        reporter.message(f"{done} of {len(measured)} runs are done already (--resume).")
    succeeded = False
    try:
        deployment = target.prepare(reporter)
        prices = load_prices(deployment.region, deployment.architecture)
        session = _Session(target, deployment, prices, summary, reporter)
        try:
            if todo:
                session.make(todo, options)
        finally:
            _conclude(summary, prices, reporter)
        succeeded = all(summary.succeeded(spec.run_id) for spec in measured)
    finally:
        with shielded(reporter.message):
            target.release(abandoned=not succeeded)
    return succeeded


def dry_run(target: Target, options: Options, reporter: Reporter) -> Forecast:
    """Show the plan with its predicted time and cost, and start nothing.

    On AWS the deployment is looked at, for its region and memory and for the size of the data; without one,
    and for the embedded AWS, the defaults of terraform/ are taken.
    """
    runs = _checked(options)
    summary = Summary(options.output, resume=options.resume, read_only=True)
    todo = remaining(runs, lambda spec: summary.succeeded(spec.run_id))
    memory, prices, s3 = _DEFAULT_MEMORY_MB, load_prices(), None
    if target.name == "aws":
        try:
            deployment = target.prepare(reporter)
            memory, s3 = deployment.executor_memory_mb, target.clients.s3
            prices = load_prices(deployment.region, deployment.architecture)
        except TargetError as error:
            reporter.message(
                f"Without a deployment ({error}), this is for {prices.region} and {memory} MB.", "yellow"
            )
    data = options.input.data([spec.setting for spec in todo], s3)
    model = model_of(summary.rows, summary.ranks, target.name)
    cores = usable_cores() if target.name == "local" else None
    predicted = forecast(
        todo,
        data,
        model,
        prices,
        default_memory_mb=memory,
        cores=cores,
        program=_past(summary, target, options.input),
    )
    reporter.show(plan_table(predicted))
    reporter.message(plan_line(predicted), important=True)
    for spec, prediction in predicted.runs:
        reporter.event(
            "planned",
            run_id=spec.run_id,
            seconds=predicted.seconds_of(prediction),
            cost_usd=prediction.cost_usd,
            at_most=predicted.is_limit,
        )
    reporter.event("plan", runs=len(todo), seconds=predicted.seconds, cost_usd=predicted.cost_usd)
    return predicted


def _checked(options: Options) -> list[RunSpec]:
    """The plan's runs, after everything was checked that needs no target."""
    runs = options.plan.runs()
    check_names(runs)
    options.input.check(options.plan.settings)
    return runs


@dataclass(frozen=True)
class _Session:
    """The part of an experiment in which there is a deployment to run on."""

    target: Target
    deployment: Deployment
    prices: Prices
    summary: Summary
    reporter: Reporter

    def make(self, specs: Sequence[RunSpec], options: Options) -> None:
        """Make these runs one after the other and keep each one's results."""
        predicted = self._predicted(specs, options)
        free = self.target.name == "local"
        if not free:
            confirm(
                predicted, options.budget_usd, self.reporter, assume_yes=options.assume_yes, ask=options.ask
            )
        spending = Spending(None if free or options.assume_yes else _limit(options.budget_usd, predicted))
        SweepRecord(options.plan, options.input, self.target.name, options.budget_usd).write(
            self.summary.folder
        )
        build = options.input.upload(
            self.target.clients.s3,
            self.deployment.bucket,
            [spec.setting for spec in specs],
            self.reporter,
            self.target.function_platform(self.deployment),
            space_mb=storage_mb(self.target, self.deployment),
        )
        order = {spec.run_id: index for index, spec in enumerate(options.plan.runs())}
        seconds = {spec.run_id: predicted.seconds_of(prediction) for spec, prediction in predicted.runs}
        with (
            FunctionMemory(self.target, self.deployment, self.reporter.message) as memory,
            SweepProgress(self.reporter, seconds, free=free) as progress,
        ):
            runner = Runner(self.target, self.deployment, self.reporter, progress.ranks)
            for spec, prediction in predicted.runs:
                spending.check(spec, prediction.cost_usd)
                name = new_execution_id(spec)
                execution = Execution(spec, name, build(spec, name), *memory.set(spec.memory_mb))
                record = self._run(runner, execution, progress, order[spec.run_id])
                spending.spent_usd += record.row["cost_usd"]

    def _predicted(self, specs: Sequence[RunSpec], options: Options) -> Forecast:
        free = self.target.name == "local"
        return forecast(
            specs,
            options.input.data([spec.setting for spec in specs], self.target.clients.s3),
            model_of(self.summary.rows, self.summary.ranks, self.target.name),
            self.prices,
            default_memory_mb=self.deployment.executor_memory_mb,
            cores=usable_cores() if free else None,
            program=_past(self.summary, self.target, options.input),
        )

    def _run(self, runner: Runner, execution: Execution, progress: SweepProgress, order: int) -> RunRecord:
        """One execution, with its results on disk; one that Ctrl-C stopped leaves what there is of it."""
        lines = RankLines(self.reporter, str(self.summary.folder / "logs" / execution.spec.run_id))
        mode = self.reporter.mode
        wanted = mode == "json" or (mode == "people" and execution.mode == "script")
        live = LiveOutput(self.target, self.deployment, execution.execution_id, lines.add if wanted else None)
        try:
            with progress.run(execution.spec, execution.ranks):
                finished = runner.run(execution, live.watch)
        except BaseException:
            self._keep_stopped(runner, execution, live, order)
            raise
        if finished.failure:
            self.reporter.message(
                f"Run {execution.spec.run_id} {finished.status}: {finished.failure}", "red", important=True
            )
        try:
            record = collect(self.target, self.deployment, finished, self.prices, order)
        except KeyboardInterrupt:  # it is made and paid for: kept, without the logs that have not arrived
            self._keep(collect(self.target, self.deployment, finished, self.prices, order, log_wait_s=0.0))
            raise
        if wanted:
            lines.end(live.rest(record.output))
        self._keep(record)
        row = record.row
        progress.finished(execution.spec, row["status"], row["duration_s"], row["cost_usd"])
        for warning in finished.warnings:
            self.reporter.message(f"  {warning}", "yellow", important=True)
        remark(record, execution.memory_mb, self.target.log_wait_s, self.reporter)
        return record

    def _keep(self, record: RunRecord) -> None:
        """Take a run into the results, with the files of its ranks."""
        self.summary.add(record)
        name, folder = record.row["execution_id"], self.summary.files_folder(record)
        bring_files(self.target.clients.s3, self.deployment.bucket, name, folder, self.reporter)

    def _keep_stopped(self, runner: Runner, execution: Execution, live: LiveOutput, order: int) -> None:
        """Keep what there is of an execution that was stopped, and say how to go on."""
        stopped = runner.stopped(execution)
        if stopped is None:
            return
        live.look()
        self._keep(
            collect(
                self.target, self.deployment, stopped, self.prices, order, log_wait_s=0.0, begun=live.requests
            )
        )
        where = [] if self.target.name == "local" else ["--target", self.target.name]
        resume = command_line("run", *where, "--resume", "--output", str(self.summary.folder))
        self.reporter.message(f"To go on: {resume}", important=True)
        if where:  # functions that run end by themselves; the embedded AWS stops its own
            late = command_line("logs", *where, "--execution", execution.execution_id)
            self.reporter.message(f"For what its ranks still print and leave: {late}", important=True)


def _past(summary: Summary, target: Target, source: Input) -> list[RunRow] | None:
    """The runs so far of a program of one's own, on this target; None for work that the model describes."""
    if source.script is None:
        return None
    rows = [row for row in summary.rows if row["status"] == "succeeded"]
    return [row for row in rows if row["target"] == target.name and row["source"] == source.source]


def _limit(budget_usd: float, predicted: Forecast) -> float:
    """What the sweep may spend: the budget, or what was agreed to above it and half as much again."""
    return max(budget_usd, 1.5 * predicted.cost_usd) if predicted.cost_usd > budget_usd else budget_usd


def _by_setting(row: RunRow) -> tuple[float, ...]:
    """Sorts runs by what was varied, whatever the order in which they were made."""
    sizes = (row["memory_mb"], row["batch_size"], row["partition_mb"], row["files"], row["world_size"])
    return (not row["warm_up"], *(size or 0 for size in sizes), row["repetition"])


def _conclude(summary: Summary, prices: Prices, reporter: Reporter) -> None:
    """The table and the report of what is there, also when the experiment was cut short."""
    if not summary.rows:
        return
    rows: list[RunRow] = sorted(summary.rows, key=_by_setting)
    reporter.show(runs_table(rows, reporter.console.width))
    if any(row["target"] == "local" for row in summary.rows):
        reporter.message(
            "Cost is what the same run would have cost on AWS; on this machine it cost nothing.", "dim"
        )
    with reporter.step("Writing the report"):
        path = write_report(summary, prices)
    reporter.event("report", path=str(path))
    reporter.message(f"Report: {path}", "bold", important=reporter.mode == "quiet")
