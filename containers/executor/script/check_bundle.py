"""What can be known of a bundle before a world starts, so that one failure does not wait behind another.

The script is there and is Python, so is the data that comes with it, and every package is somewhere that the
script and the modules it reaches import. Nothing is executed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import PurePosixPath

from containers.executor.inputs.listing import list_objects
from containers.executor.inputs.mistakes import InputError
from containers.executor.inputs.payload import TMP, ExecutionInput
from containers.executor.script.sources import Sources

MOST_NAMED = 20
"""Missing packages that a message names."""


def checks(
    wanted: ExecutionInput, provided: Callable[[], Collection[str]] = frozenset
) -> list[Callable[[], object]]:
    """The checks of a bundle, each of which raises InputError.

    ``provided`` tells the names of modules and packages that come neither with the image nor with the bundle.
    """

    @cache
    def sizes() -> dict[str, int]:
        return _sizes(wanted)

    return [
        lambda: _check_script(wanted, sizes()),
        lambda: _check_data(wanted, sizes()),
        lambda: _check_imports(wanted, sizes(), provided()),
    ]


def _sizes(wanted: ExecutionInput) -> dict[str, int]:
    """The bundle's objects by key."""
    if wanted.object_type == "folder":
        found = list_objects(wanted.bucket, f"{wanted.object_name}/")
    else:
        # The key itself sorts before every longer one.
        found = list_objects(wanted.bucket, wanted.object_name, most=1)
    return {entry["Key"]: entry["Size"] for entry in found}


def _check_script(wanted: ExecutionInput, sizes: Collection[str]) -> None:
    if wanted.script_key not in sizes:
        raise InputError(
            f"There is no object {wanted.script_key!r} in bucket {wanted.bucket!r}: "
            'upload it, or correct "script".'
        )
    if wanted.script_key.endswith(".ipynb"):
        raise InputError(
            f'"script" is the notebook {wanted.script_key!r}: '
            "save it as a Python file (jupyter nbconvert --to script), and give that."
        )


def _check_data(wanted: ExecutionInput, sizes: Collection[str]) -> None:
    """Data may also be made by the script or lie in the image; only what would come with the bundle can be
    checked.
    """
    if not (wanted.data_path and wanted.data_path.startswith(f"{TMP}{wanted.object_name}/")):
        return
    key = wanted.data_path.removeprefix(TMP).rstrip("/")
    if key not in sizes and not any(other.startswith(key + "/") for other in sizes):
        raise InputError(
            f"There is no object {key!r} in bucket {wanted.bucket!r}: "
            'upload the data, or correct "data_path".'
        )


def _check_imports(wanted: ExecutionInput, sizes: Mapping[str, int], provided: Collection[str]) -> None:
    script = PurePosixPath(wanted.script_key)
    if str(script) not in sizes or script.suffix != ".py":
        return
    folders = [script.parent]
    if wanted.object_type == "folder":
        folders.append(PurePosixPath(wanted.object_name))
    sources, missing = Sources(wanted.bucket, sizes, folders), dict[str, str]()
    try:
        for key, one in sources.imports(str(script)):
            if not (one.level or sources.has(one.top) or one.top in provided or in_image(one.top)):
                missing.setdefault(one.top, key)
    except SyntaxError as error:
        raise InputError(
            f"The script {str(script)!r} is not Python {sys.version_info[0]}.{sys.version_info[1]}"
            f"{f' in line {error.lineno}' if error.lineno else ''} ({error.msg}): correct it."
        ) from None
    if missing:
        raise InputError(_missing(missing))


@cache
def in_image(name: str) -> bool:
    """Whether an import finds this module or package without the bundle; it is not loaded."""
    if name in sys.stdlib_module_names or name in sys.modules:
        return True
    return find_spec(name) is not None


def _missing(files: Mapping[str, str]) -> str:
    named = [f"{name} ({PurePosixPath(key).name})" for name, key in files.items()][:MOST_NAMED]
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return (
        f"The script imports what neither the image nor the bundle has: {', '.join(named)}{more}: "
        "give the packages to `cosmic-fmi run --requirements`, "
        "or put their folders into the bundle beside the script."
    )
