"""``cosmic_fmi.run``: a function, a script or the inference on a world of ranks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from cosmic_fmi.api.errors import FunctionError
from cosmic_fmi.api.finished import Run, runs_of
from cosmic_fmi.api.function import MAIN, name_of, wants_communicator, write_program
from cosmic_fmi.api.reporting import reporter_for
from cosmic_fmi.api.request import Given, Request
from cosmic_fmi.api.returned import error_of, values
from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.plan.inputs import Input
from cosmic_fmi.experiment.plan.plan import Plan, Setting
from cosmic_fmi.experiment.program.data import data_files, place_in_s3
from cosmic_fmi.experiment.program.options import ProgramOptions
from cosmic_fmi.experiment.results.reading import open_results
from cosmic_fmi.experiment.sweep import session

PROGRAM = "program"
"""The folder in the results that has a function as it was sent."""


def run(
    program: Callable[..., object] | str | Path | None = None,
    *,
    world_size: int = 4,
    args: Sequence[object] = (),
    kwargs: Mapping[str, object] | None = None,
    data: str | Path | None = None,
    shared: bool = False,
    files: int | None = None,
    main: str | None = None,
    batch_size: int | None = None,
    check: bool = True,
    **given: Unpack[Given],
) -> Run:
    """Run a program on ``world_size`` ranks, and wait for it.

    Args:
        program: a function; a script or a folder with one; or nothing for AstroMAE on the sample's galaxies.
            A function is called on every rank, with the communicator first if its first parameter is named
            ``comm``. It travels by value, with the functions, classes and modules of yours that it uses.
        world_size: number of ranks.
        args: for the function; of a script, for ``sys.argv``.
        kwargs: further arguments for the function.
        data: a folder, a file or ``s3://bucket/folder``; its files are dealt out over the ranks, which find
            their share in the folder ``os.environ["DATA_PATH"]``.
        shared: every rank gets all of the data.
        files: only so many files of the data, or partitions of the sample.
        main: the script to run, of a folder.
        batch_size: galaxies a batch, of the inference.
        check: raise an error if the run does not succeed; else look at its ``status``.
        **given: as in :class:`~cosmic_fmi.api.request.Request`: ``target``, ``env``, ``env_from``,
            ``requirements``, ``memory_mb``, ``output``, ``budget_usd``, ``yes``, ``progress``.

    Returns:
        The run: its ``results`` by rank, ``output``, ``files``, ``cost_usd``, ``to_pandas()``.

    Raises:
        RankError: a rank failed; it has the rank's traceback.
        RunError: the run failed otherwise.
        FunctionError: the function cannot be sent, or what it returned cannot be read.
        ExperimentError: it could not be run; the message says what to change.
        KeyboardInterrupt: after Ctrl-C, once the execution was stopped.
    """
    request = Request(**given)
    setting = Setting(world_size=world_size, batch_size=batch_size, memory_mb=request.memory_mb, files=files)
    options = ProgramOptions(
        main=main,
        environment={name: str(value) for name, value in request.env.items()},
        parameters=dict(request.env_from),
        data=_data(data),
        shared=shared,
    )
    _check(request, program, options, setting)
    if not callable(program):
        if kwargs:
            raise SweepError("kwargs are for a function: give a script its arguments in args")
        options = replace(options, arguments=tuple(map(str, args)))
        return run_program(None if program is None else Path(program), setting, options, request, check=check)
    call = {"args": tuple(args), "kwargs": dict(kwargs or {}), "talks": wants_communicator(program)}
    return run_function(program, call, setting, options, request, check=check)


def run_function(
    function: Callable[..., object],
    call: Mapping[str, Any],
    setting: Setting,
    options: ProgramOptions,
    request: Request,
    *,
    check: bool = True,
) -> Run:
    """Make a call of :func:`write_program` on every rank; the run, with what each rank returned."""
    name = name_of(function)
    folder = request.new_folder(name)
    path = write_program(folder / PROGRAM / name, {"function": function, **call})
    options = replace(
        options,
        main=MAIN,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        meets=bool(call.get("talks")),
    )
    ended = _run(Input(script=path, program=options), setting, request, folder, check=check)
    return replace(ended, results=values(ended)) if ended.status == "succeeded" else ended


def run_program(
    path: Path | None, setting: Setting, options: ProgramOptions, request: Request, *, check: bool = True
) -> Run:
    """Run a script, a folder, or (None) the inference."""
    source = Input(script=path, program=options)
    source.check([setting])
    return _run(source, setting, request, request.new_folder(source.source), check=check)


def _run(source: Input, setting: Setting, request: Request, folder: Path, *, check: bool) -> Run:
    source = replace(source, requirements=request.requirements_file(folder))
    options = session.Options(
        Plan((setting,), source=source.source),
        folder,
        source,
        budget_usd=request.budget_usd,
        assume_yes=request.yes,
    )
    target = request.place(setting.world_size or 1, meets=source.program.meets)
    session.run(target, options, reporter_for(progress=request.progress))
    [ended] = runs_of(open_results(folder))
    if check and ended.status != "succeeded":
        raise error_of(ended)
    return ended


def _data(given: str | Path | None) -> str | None:
    """Where the data lies; whole, since a run may be resumed in another folder."""
    if given is None or str(given).startswith("s3://"):
        return None if given is None else str(given)
    return str(Path(given).absolute())


def _check(request: Request, program: object, options: ProgramOptions, setting: Setting) -> None:
    """Mistakes that can be seen before anything is written."""
    request.check()
    if not isinstance(setting.world_size, int) or setting.world_size < 1:
        raise SweepError(f"world_size={setting.world_size!r}: give a whole number of at least 1")
    if program is None and (options.data or options.environment or options.parameters or options.main):
        raise SweepError("data, env, env_from and main are for a program: give one, or leave them out")
    if options.data is not None and place_in_s3(options.data) is None:
        data_files(options.data)
    if callable(program) and options.main is not None:
        raise SweepError("main is for a folder: leave it out")
    if program is not None and not callable(program) and not isinstance(program, str | Path):
        raise FunctionError(f"{program!r} is neither a function nor the path of a script or folder")
