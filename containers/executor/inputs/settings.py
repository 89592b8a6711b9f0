"""What a user gives to the script: ``environment``, variables by name, and ``arguments``, for ``sys.argv``.

Both travel with every rank, so their size is limited; what is longer belongs into a file of the bundle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial

from containers.executor.inputs.mistakes import InputError, raise_all
from cosmic_fmi.common.contract.variables import Variable

MOST_BYTES = 16 * 1024
"""Of both together, as JSON: the manifest holds them once a rank, and a world may have a thousand."""

OURS = frozenset((*Variable, "STATE_BUCKET", "TMPDIR"))
"""Variables of the executor: a script that saw another value would read and write in the wrong place."""

# Not all that begins with LAMBDA: it is also the name of a wavelength.
_OF_LAMBDA = re.compile("AWS_.*|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR|_HANDLER|_X_AMZN_TRACE_ID")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"ssm:/[A-Za-z0-9_./-]+")


def environment(given: object) -> dict[str, str]:
    """Variables by name, numbers as text. Raises InputError."""
    if given is None or given == "":
        return {}
    if not isinstance(given, Mapping):
        raise InputError(
            f'"environment" is {given!r}: give an object of names and values such as {{"BAND": "r"}}.'
        )
    raise_all(
        [
            lambda: _refuse_names([name for name in given if not _NAME.fullmatch(name)]),
            lambda: _refuse_reserved([name for name in given if name in OURS or _OF_LAMBDA.fullmatch(name)]),
            *(partial(_text, f'"environment" has {name}', value) for name, value in given.items()),
        ]
    )
    return {name: _text(name, value) for name, value in given.items()}


def arguments(given: object) -> list[str]:
    """Arguments, numbers as text. Raises InputError."""
    if given is None or given == "":
        return []
    if not isinstance(given, list | tuple):
        raise InputError(f'"arguments" is {given!r}: give a list such as ["--band", "r"].')
    return [_text(f'"arguments" has number {number}', value) for number, value in enumerate(given, 1)]


def parameters(given: object) -> dict[str, str]:
    """Names of SSM parameters by the variable that each becomes. Raises InputError."""
    if given is None or given == "":
        return {}
    if not isinstance(given, Mapping):
        raise InputError(
            f'"environment_from" is {given!r}: '
            'give an object such as {"TOKEN": "ssm:/cosmic/scripts/token"}.'
        )
    environment(given)
    wrong = [name for name, source in given.items() if not _PARAMETER.fullmatch(str(source))]
    if wrong:
        raise InputError(
            f'"environment_from" has {", ".join(wrong)}: give "ssm:" and the name of a parameter, such as '
            '"ssm:/cosmic/scripts/token".'
        )
    return {name: str(source).removeprefix("ssm:") for name, source in given.items()}


def check_size(variables: Mapping[str, str], words: Sequence[str]) -> None:
    """Raise InputError where both together are more than may travel with a rank."""
    size = len(json.dumps([dict(variables), list(words)]))
    if size > MOST_BYTES:
        raise InputError(
            f'"environment" and "arguments" are {size:,} bytes, more than {MOST_BYTES:,}: '
            "put what is long into a file of the bundle."
        )


def _refuse_names(names: Sequence[str]) -> None:
    if names:
        raise InputError(
            f'"environment" has {", ".join(map(repr, names))}: '
            "make names of letters, digits and underscores, without a digit at the start."
        )


def _refuse_reserved(names: Sequence[str]) -> None:
    if names:
        raise InputError(
            f'"environment" has {", ".join(names)}, which the executor or AWS Lambda sets itself: '
            "leave that out, or use another name."
        )


def _text(place: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{place}, which is {value!r}: give a string or a number.")
    text = str(value)
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InputError(f"{place}, which holds a character that no variable or argument can: leave it out.")
    return text
