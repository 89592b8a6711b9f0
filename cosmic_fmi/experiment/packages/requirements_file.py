"""A requirements file of pip's, as far as it has to be understood before pip reads it.

One thing is our own: ``# no-deps`` behind a requirement leaves out everything that it depends on. To pip it
is a comment.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cosmic_fmi.experiment.errors import RequirementsError

NO_DEPENDENCIES = "no-deps"
_COMMENT = re.compile(r"(?:^|\s)#(.*)$")
_TO_BUILD = ("-e", "--editable")
_INDEX_OPTIONS = (
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--no-index",
    "--trusted-host",
)
_INCLUDES = ("-r", "--requirement")
_PATHS = ("-c", "--constraint", "-f", "--find-links")


@dataclass(frozen=True)
class Line:
    """A requirement or an option of pip's, and where it stands, such as ``requirements.txt, line 3``."""

    text: str
    place: str
    no_dependencies: bool = False

    @property
    def is_option(self) -> bool:
        """Whether it is an option, such as ``--index-url``."""
        return self.text.startswith("-")

    @property
    def requirement(self) -> Requirement | None:
        """What it asks for; None for an option, a path or a URL without a name."""
        try:
            return None if self.is_option else Requirement(self.text.partition(" --")[0])
        except InvalidRequirement:
            return None


@dataclass(frozen=True)
class RequirementsFile:
    """All lines of a requirements file and of those that it includes."""

    path: Path
    lines: tuple[Line, ...]

    @property
    def content(self) -> list[list[object]]:
        """Its identity: the lines, and a digest of each local file that one of them names."""
        return [[line.text, line.no_dependencies, *_digests(line.text)] for line in self.lines]

    @property
    def index_options(self) -> list[str]:
        """pip's options that say where packages are looked for."""
        options = [shlex.split(line.text) for line in self.lines if line.is_option]
        return [
            part for option in options if option[0].partition("=")[0] in _INDEX_OPTIONS for part in option
        ]

    def text(self, *, no_dependencies: bool) -> str:
        """The file for pip: the options, and the requirements with or without their dependencies."""
        chosen = [item for item in self.lines if item.is_option or item.no_dependencies == no_dependencies]
        return "".join(f"{line.text}\n" for line in chosen)

    def asks(self, *, no_dependencies: bool) -> bool:
        """Whether there is such a requirement."""
        return any(not line.is_option and line.no_dependencies == no_dependencies for line in self.lines)

    def check(self, provided: Mapping[str, str], markers: Mapping[str, str]) -> None:
        """Raise :class:`RequirementsError` that names every line that cannot be met.

        ``provided`` are the versions of what the functions have, by normalized name; ``markers`` is their
        environment, where it is not this one.
        """
        wrong = [mistake for line in self.lines for mistake in _mistakes(line, provided, markers)]
        if wrong:
            raise RequirementsError("\n".join(wrong))


def read_requirements(path: Path) -> RequirementsFile:
    """Read a file and those that it includes (``-r``). Raises RequirementsError for one that cannot be."""
    return RequirementsFile(path, tuple(_lines(path, ())))


def _lines(path: Path, within: tuple[Path, ...]) -> Iterator[Line]:
    if path in within:
        raise RequirementsError(f"{path} includes itself: remove the line.")
    try:
        text = path.read_text()
    except OSError as error:
        raise RequirementsError(f"cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise RequirementsError(f"{path} is not UTF-8 text.") from None
    joined = text.replace("\\\r\n", "").replace("\\\n", "")
    for number, whole in enumerate(joined.splitlines(), 1):
        comment = _COMMENT.search(whole)
        bare = whole[: comment.start()].strip() if comment else whole.strip()
        if not bare:
            continue
        option, value = _option(bare)
        if option in _INCLUDES:
            yield from _lines(path.parent / value, (*within, path))
            continue
        if option in _PATHS and (path.parent / value).exists():
            bare = shlex.join([option, str((path.parent / value).resolve())])
        no_dependencies = comment is not None and comment[1].split()[:1] == [NO_DEPENDENCIES]
        yield Line(bare, f"{path.name}, line {number}", no_dependencies)


def _option(text: str) -> tuple[str, str]:
    """An option's name and value: ``-r x``, ``-rx``, ``--requirement=x`` and ``--requirement x``."""
    if text.startswith("--"):
        name, _, value = re.sub(r"[=\s]+", " ", text, count=1).partition(" ")
    else:
        name, value = text[:2], text[2:]
    return name, value.strip()


def _mistakes(line: Line, provided: Mapping[str, str], markers: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a line, in sentences."""
    if line.text.startswith(_TO_BUILD) or _is_unbuilt(line):
        yield (
            f"{line.place}: {line.text} would have to be built for the functions, which is not done here: "
            "name a wheel, or put its modules beside the script."
        )
    if "--hash" in line.text:
        yield f"{line.place}: hashes cannot be checked beside what the image has: leave out --hash."
    asked = line.requirement
    if asked is None or (asked.marker is not None and not asked.marker.evaluate(dict(markers))):
        return
    version = provided.get(canonicalize_name(asked.name))
    if version is not None and not asked.specifier.contains(version, prereleases=True):
        yield (
            f"{line.place}: the functions have {asked.name} {version}, which is not "
            f"{asked.name}{asked.specifier}: leave out the version, or the line."
        )
    if version is not None and asked.extras:
        yield (
            f"{line.place}: the functions have {asked.name} without extras: name the packages that "
            f"[{','.join(sorted(asked.extras))}] adds instead."
        )


def _is_unbuilt(line: Line) -> bool:
    """Whether it is a path or URL of anything but a wheel; pip would run code of it to see what it is."""
    asked = line.requirement
    place = (None if line.is_option else line.text) if asked is None else asked.url
    return place is not None and not re.split(r"[\s;#?]", place)[0].endswith(".whl")


def _digests(text: str) -> Iterator[str]:
    for part in shlex.split(text):
        path = Path(part.partition("=")[2] if part.startswith("--") and "=" in part else part)
        if path.is_file():
            yield hashlib.sha256(path.read_bytes()).hexdigest()
