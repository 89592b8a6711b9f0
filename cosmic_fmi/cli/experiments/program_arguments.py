"""The arguments of `cosmic-fmi run` about a user's own program: its files, arguments, variables, data."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosmic_fmi.experiment.program.options import ProgramOptions

_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"ssm:/[A-Za-z0-9_./-]+")
_OPTIONS = ("main", "data", "data_shared", "env", "env_from")


class Values(argparse.Action):
    """Several values of one type; a path behind the last of them is the program, as in ``-n 16 pi.py``."""

    def __init__(self, *, read: Callable[[str], object], **more: Any) -> None:  # noqa: ANN401 - as argparse calls it
        super().__init__(**more)
        self._read = read

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse's
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 - argparse's
        option_string: str | None = None,  # noqa: ARG002 - argparse's
    ) -> None:
        """Read them. Raises argparse.ArgumentError."""
        texts = list(values)
        if len(texts) > 1 and not self._is_value(texts[-1]):
            namespace.program_behind = Path(texts.pop())
        try:
            setattr(namespace, self.dest, [self._read(text) for text in texts])
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(self, str(error)) from None

    def _is_value(self, text: str) -> bool:
        try:
            self._read(text)
        except argparse.ArgumentTypeError:
            # A number that is out of range is still no program.
            return not text.strip("-+.,").isalpha() and not Path(text).exists() and not text.endswith(".py")
        return True


def add_program(made: argparse.ArgumentParser) -> None:
    """Add the options of a program; the program itself is the one argument without an option."""
    made.set_defaults(program_behind=None, words=None)
    made.add_argument(
        "program", nargs="?", type=Path, metavar="PROGRAM", help="a script, or a folder with one (--main)"
    )
    group = made.add_argument_group("a program of your own", "arguments behind -- are the program's")
    group.add_argument("--main", metavar="FILE.py", help="which script of the folder to run")
    group.add_argument(
        "--data",
        metavar="FOLDER",
        help="a folder, or s3://bucket/folder; each rank gets a share of its files",
    )
    group.add_argument("--data-shared", action="store_true", help="each rank gets all files of --data")
    group.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="a variable; may be repeated"
    )
    group.add_argument(
        "--env-from",
        action="append",
        default=[],
        metavar="NAME=ssm:/PATH",
        help="a variable whose value is an SSM parameter: the place for secrets",
    )


def split_words(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """The command's own arguments, and the program's, which stand behind the first ``--``."""
    words = list(argv)
    if "--" not in words:
        return words, None
    place = words.index("--")
    return words[:place], words[place + 1 :]


def check_program(made: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Mistakes that the parser cannot see end with exit status 2."""
    if arguments.program_behind is not None:
        if arguments.program is not None:
            made.error(f"{arguments.program} and {arguments.program_behind}: only one program can be run")
        arguments.program = arguments.program_behind
    if arguments.program is not None and (arguments.script or arguments.payload or arguments.sweep):
        made.error(f"{arguments.program}: leave it out, or --script, --payload and --sweep")
    program = program_of(arguments)
    given = [f"--{name.replace('_', '-')}" for name in _OPTIONS if getattr(arguments, name)]
    given += [] if arguments.words is None else ["--"]
    if given and program is None:
        made.error(
            f"{', '.join(given)}: only for a program, as in cosmic-fmi run pi.py -n 4 -- --samples 500"
        )
    if arguments.program is not None and not arguments.program.exists():
        made.error(f"{arguments.program}: there is no such script or folder")
    if arguments.data_shared and not arguments.data:
        made.error("--data-shared needs --data")
    _check_variables(made, arguments)


def _check_variables(made: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    from cosmic_fmi.experiment.program.secrets import advice, looks_secret

    for option, texts in (("--env", arguments.env), ("--env-from", arguments.env_from)):
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or not _VARIABLE.fullmatch(name):
                made.error(f"{option} {text}: give NAME=VALUE, a name of letters, digits and underscores")
            if option == "--env-from" and not _PARAMETER.fullmatch(value):
                made.error(
                    f"{option} {text}: give the name of an SSM parameter, as in {name}=ssm:/cosmic/scripts/x"
                )
            if option == "--env" and looks_secret(name, value):
                made.error(advice(name))


def program_of(arguments: argparse.Namespace) -> Path | None:
    """The program that is to be run, if it is one of the user's own."""
    found: Path | None = arguments.program or arguments.script
    return found


def program_options(arguments: argparse.Namespace) -> ProgramOptions:
    """What it is given."""
    from cosmic_fmi.experiment.program.options import ProgramOptions

    data = arguments.data
    return ProgramOptions(
        main=arguments.main,
        arguments=tuple(arguments.words or ()),
        environment=dict(_pair(text) for text in arguments.env),
        parameters=dict(_pair(text) for text in arguments.env_from),
        # --resume may be typed in another folder.
        data=data if data is None or data.startswith("s3://") else str(Path(data).absolute()),
        shared=arguments.data_shared,
    )


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value
