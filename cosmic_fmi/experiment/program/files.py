"""The files of a user's program: a folder with its main script, or a script and what it imports beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.program.junk import walk
from cosmic_fmi.experiment.program.local_modules import modules_beside

MOST_FILES = 10_000
"""Each is a request when the program is uploaded, and one a rank when it starts."""


@dataclass(frozen=True)
class ProgramFiles:
    """What travels: ``files`` by their path below the program's folder, of which ``main`` is one."""

    name: str
    main: str
    files: dict[str, Path]
    left_out: Sequence[str] = ()

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(path.stat().st_size for path in self.files.values())


def program_files(path: Path, main: str | None = None) -> ProgramFiles:
    """The program at ``path``: a script, or a folder of which ``main`` is to be run.

    Raises :class:`SweepError` where there is none.
    """
    if path.is_dir():
        return _folder(path, main)
    if not path.is_file():
        raise SweepError(f"{path}: there is no such script or folder")
    if main is not None:
        raise SweepError(f"--main {main} is for a folder, and {path} is a script: leave it out")
    script = path.absolute()
    files = [script, *modules_beside(script)]
    return ProgramFiles(path.stem, path.name, _by_name(script.parent, files))


def _folder(path: Path, main: str | None) -> ProgramFiles:
    root = path.resolve()
    found = walk(root)
    files = _by_name(root, found.files)
    left_out = [one.relative_to(root).as_posix() for one in found.left_out]
    return ProgramFiles(root.name or "program", _main(path, files, main), files, left_out)


def _main(folder: Path, files: dict[str, Path], main: str | None) -> str:
    """The script to run: the one that is named, or the only one that it can be."""
    scripts = [name for name in files if name.endswith(".py") and "/" not in name]
    if main is not None:
        name = Path(main).as_posix().removeprefix("./")
        if name in files:
            return name
        raise SweepError(f"--main {main}: there is no such file in {folder}{_choice(scripts)}")
    if "main.py" in scripts or len(scripts) == 1:
        return "main.py" if "main.py" in scripts else scripts[0]
    raise SweepError(f"{folder} is a folder: say which script to run with --main{_choice(scripts)}")


def _choice(scripts: Sequence[str]) -> str:
    shown = ", ".join(sorted(scripts)[:8])
    return f" (there are {shown})" if shown else ""


def _by_name(root: Path, files: Sequence[Path]) -> dict[str, Path]:
    if len(files) > MOST_FILES:
        raise SweepError(
            f"{root} has {len(files):,} files, more than the {MOST_FILES:,} that a program may have: give "
            "its data with --data, or pack them"
        )
    named = {path.relative_to(root).as_posix(): path for path in files}
    for name in named:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise SweepError(f"{name!r} in {root} has a name that is not UTF-8: rename it") from None
    return named
