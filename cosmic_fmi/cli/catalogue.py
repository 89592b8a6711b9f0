"""Every command of `cosmic-fmi`, in the groups that its help shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Command(NamedTuple):
    """A command: its name, one line about it, and what else people call it."""

    name: str
    summary: str
    also: tuple[str, ...] = ()


class Group(NamedTuple):
    """Commands for one purpose, each a module of ``package``."""

    title: str
    package: str
    example: str
    commands: tuple[Command, ...]


GROUPS = (
    Group(
        "experiments",
        "cosmic_fmi.cli.experiments",
        "cosmic-fmi run --world-size 8 --batch-size 256",
        (
            Command(
                "run", "run a program, or AstroMAE, on N functions: output, time, cost", ("run_experiment",)
            ),
            Command("tune", "propose the best setting for a piece of work, and run it"),
            Command("logs", "collect what past executions left", ("collect_logs",)),
            Command("images", "build the container images", ("build",)),
            Command("deploy", "deploy into your AWS account", ("apply",)),
            Command("destroy", "take a deployment down", ("undeploy", "teardown")),
        ),
    ),
    Group(
        "results",
        "cosmic_fmi.cli.experiments",
        "cosmic-fmi compare results/before results/after",
        (
            Command("report", "write the report of an experiment anew"),
            Command("compare", "two sweeps beside each other: is the difference more than noise?"),
            Command("bill", "each line of what a run costs, and the same work elsewhere", ("cost",)),
            Command("simulate", "what larger work would take and cost on AWS"),
            Command("prices", "fetch AWS's prices anew", ("refresh_prices",)),
        ),
    ),
    Group(
        "data and models",
        "cosmic_fmi.cli.models",
        "cosmic-fmi predict --data sample.pt --output results/alone",
        (
            Command("sample", "write synthetic galaxies", ("make_sample",)),
            Command("data", "prepare galaxies: clean, split, cut, upload", ("prepare", "prepare_data")),
            Command("predict", "redshifts of the galaxies in a file, on this machine"),
            Command("pretrain", "pretrain AstroMAE's encoder"),
            Command("train", "train AstroMAE with a pretrained encoder"),
            Command("convert", "turn a pickled AstroMAE into safetensors", ("convert_checkpoint",)),
            Command("export", "write a checkpoint as an ONNX model", ("export_model",)),
        ),
    ),
    Group(
        "libraries",
        "cosmic_fmi.cli.libraries",
        "cosmic-fmi fmi hello --ranks 4",
        (
            Command("fmi", "try message passing: hello, ring, pingpong, bench, calibrate"),
            Command("local", "the embedded AWS: start, stop, status, logs", ("localcloud",)),
        ),
    ),
)


def modules() -> dict[str, str]:
    """The module of each command, by name."""
    return {command.name: f"{group.package}.{command.name}" for group in GROUPS for command in group.commands}


def spellings() -> Iterator[tuple[str, str]]:
    """What somebody may type, and the command that is meant."""
    for group in GROUPS:
        for command in group.commands:
            for word in (command.name, *command.also):
                yield word, command.name
