"""``--sweep FILE.yaml``: a grid, settings beside it, and how often; every mistake names its line and key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from cosmic_fmi.common.numbers import amount, count, count_from_0, memory_size
from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.plan.plan import AXES, Grid, Setting


@dataclass(frozen=True)
class SweepFile:
    """What a sweep file says; None for what it leaves to the command line's own defaults."""

    grid: Grid
    repetitions: int | None = None
    warm_up: int | None = None
    seed: int | None = None
    shuffle: bool | None = None
    budget_usd: float | None = None
    payload: Path | None = None
    script: Path | None = None
    requirements: Path | None = None


def read_sweep_file(path: Path) -> SweepFile:
    """Read a file such as examples/sweep.yaml. Raises :class:`SweepError` naming file, line and key.

    Paths of a payload or script are relative to the file's own folder.
    """
    try:
        root = yaml.compose(path.read_text(), Loader=yaml.SafeLoader)
    except OSError as error:
        raise SweepError(f"cannot read the sweep file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SweepError(f"the sweep file {path} is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise SweepError(f"the sweep file {path} is not YAML: {' '.join(str(error).split())}") from error
    return _Reader(path).file(root)


class _Reader:
    """Reads YAML nodes, which know their lines, instead of values, which do not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def file(self, root: yaml.Node | None) -> SweepFile:
        if root is None:
            raise SweepError(f"{self._path}: the file is empty; give at least one of {', '.join(AXES)}")
        axes: dict[str, tuple[object, ...]] = {}
        extra: tuple[Setting, ...] = ()
        rest: dict[str, object] = {}
        for key, name, node in self._pairs(root, (*AXES, "runs", *_REST)):
            if name in AXES:
                axes[name] = tuple(self._value(name, item, _AXIS[name]) for item in self._items(name, node))
            elif name == "runs":
                extra = tuple(self._setting(item) for item in self._items(name, node))
            else:
                rest[name] = self._value(name, node, _REST[name])
            del key
        if not axes and not extra:
            raise SweepError(
                f"{self._path}: there is nothing to sweep; give at least one of {', '.join(AXES)}"
            )
        if "payload" in rest and "script" in rest:
            raise SweepError(f"{self._path}: give either payload or script, not both")
        return self._made(Grid(axes, extra), rest)

    def _made(self, grid: Grid, rest: dict[str, object]) -> SweepFile:
        if "requirements" in rest and not rest.keys() & {"payload", "script"}:
            raise SweepError(f"{self._path}: requirements are of a payload or a script: give one")
        for name in ("payload", "script", "requirements"):
            if name in rest:
                rest[name] = self._path.parent / str(rest[name])
                if not Path(str(rest[name])).is_file():
                    raise SweepError(f"{self._path}: {name} {rest[name]}: there is no such file")
        return SweepFile(grid, **rest)  # type: ignore[arg-type]  # each was read by the reader of its type

    def _setting(self, node: yaml.Node) -> Setting:
        found = {name: self._value(name, value, _AXIS[name]) for _, name, value in self._pairs(node, AXES)}
        if not found:
            raise self._wrong(node, "runs", f"holds an empty entry; give at least one of {', '.join(AXES)}")
        return Setting(**found)  # type: ignore[arg-type]  # each was read by the reader of its axis

    def _pairs(self, node: yaml.Node, known: tuple[str, ...]) -> Iterator[tuple[yaml.Node, str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, None, "expected keys and values, such as `world_size: [2, 4]`")
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                raise self._wrong(key, name, f"is not known here; known are {', '.join(known)}")
            if name in seen:
                raise self._wrong(key, name, "is there twice")
            seen.add(name)
            yield key, name, value

    def _items(self, name: str, node: yaml.Node) -> list[yaml.Node]:
        """The items of a list, or a single value as a list of one."""
        if not isinstance(node, yaml.SequenceNode):
            return [node]
        if not node.value:
            raise self._wrong(node, name, "is an empty list")
        return list(node.value)

    def _value(self, name: str, node: yaml.Node, read: Callable[[str], object]) -> object:
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, name, "has to be a single value, or a list of them where it is an axis")
        try:
            return read(str(node.value))
        except ValueError as error:
            raise self._wrong(node, name, f"is {node.value!r}: {error}") from None

    def _wrong(self, node: yaml.Node, name: str | None, what: str) -> SweepError:
        key = f"{name} " if name else ""
        return SweepError(f"{self._path}, line {node.start_mark.line + 1}: {key}{what}")


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("true", "false", "yes", "no"):
        raise ValueError("expected true or false")
    return text.lower() in ("true", "yes")


_AXIS: dict[str, Callable[[str], object]] = {
    "world_size": count,
    "batch_size": count,
    "memory_mb": memory_size,
    "partition_mb": amount,
    "files": count,
}
_REST: dict[str, Callable[[str], object]] = {
    "repetitions": count,
    "warm_up": count_from_0,
    "seed": count_from_0,
    "shuffle": _yes_or_no,
    "budget_usd": amount,
    "payload": str,
    "script": str,
    "requirements": str,
}
