"""The channel that a call goes over: the one that is fastest, or cheapest, by the model.

The choice depends only on what every rank knows alike: the call's operation, element type and number of
elements, the world size, the hint and the configuration. So all ranks make the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from fmi._datatypes import NO_DTYPE, OBJECT, dtype_of
from fmi.channels.base import hints
from fmi.channels.cost_model import constants, functions_price
from fmi.channels.traffic import traffic
from fmi.protocol.frames import Call, Operation


class Estimate(NamedTuple):
    """The model's time and price for one channel."""

    channel: str
    seconds: float
    dollars: float
    chosen: bool


@dataclass(frozen=True)
class Explanation:
    """The table that a channel was chosen from; print it.

    Attributes:
        operation, nbytes, world_size, hint: what was asked.
        estimates: one for each enabled channel, in the configuration's order.
    """

    operation: str
    nbytes: int | None
    world_size: int
    hint: hints
    estimates: tuple[Estimate, ...]

    @property
    def chosen(self) -> str:
        """The channel's name."""
        return next(each.channel for each in self.estimates if each.chosen)

    def __str__(self) -> str:
        size = "unknown size" if self.nbytes is None else f"{self.nbytes:,} bytes"
        lines = [f"{self.operation}, {size}, {self.world_size} ranks, hint {self.hint.name}"]
        lines.append(f"  {'channel':<12}{'time':>14}{'price':>18}")
        for each in self.estimates:
            mark = "→" if each.chosen else " "
            lines.append(
                f"{mark} {each.channel:<12}{each.seconds * 1e3:>11.3f} ms{each.dollars * 1e6:>14.4f} µ$"
            )
        return "\n".join(lines)


class ChannelPolicy:
    """Chooses among channels for one world.

    Args:
        channels: their names; of two equally good ones the first is chosen.
        model: the configuration's model.
        world_size: number of ranks.
        memory_mib: memory of each rank's function.

    Raises:
        ConfigError: the model lacks a channel, or a constant is wrong.
    """

    def __init__(
        self, channels: Iterable[str], model: Mapping[str, Any], world_size: int, memory_mib: int
    ) -> None:
        self.hint = hints.fast
        self._constants = {name: constants(model, name) for name in channels}
        self._size = world_size
        self._functions = functions_price(model, world_size, memory_mib)
        self._chosen: dict[tuple[hints, Operation, int | None], str] = {}

    def choose(self, call: Call) -> str:
        """The channel for a call, the same on every rank."""
        key = (self.hint, call.operation, known_bytes(call))
        if key not in self._chosen:
            self._chosen[key] = self.explain(*key[1:]).chosen
        return self._chosen[key]

    def explain(self, operation: Operation, nbytes: int | None) -> Explanation:
        """The estimates for a call, and the choice made from them."""
        sent = traffic(operation, nbytes, self._size)
        expected = {
            name: (each.seconds(sent), each.dollars(sent, self._functions))
            for name, each in self._constants.items()
        }
        first = 0 if self.hint is hints.fast else 1
        best = min(expected, key=lambda name: (expected[name][first], expected[name][1 - first]))
        estimates = tuple(Estimate(name, *expected[name], chosen=name == best) for name in expected)
        return Explanation(operation.name.lower(), nbytes, self._size, self.hint, estimates)


def known_bytes(call: Call) -> int | None:
    """The size of a call in bytes, if every rank knows it; see `traffic`."""
    if call.dtype == NO_DTYPE:
        return 0
    if call.dtype == OBJECT or not call.elements:
        return None
    return call.elements * dtype_of(call.dtype).itemsize
