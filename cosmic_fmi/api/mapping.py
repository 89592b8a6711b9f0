"""``cosmic_fmi.map``: a function over items, for work that needs no messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar, Unpack, cast

from cosmic_fmi.api.request import Given, Request
from cosmic_fmi.api.running import run_function
from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.plan.plan import Setting
from cosmic_fmi.experiment.program.options import ProgramOptions

Item = TypeVar("Item")
Value = TypeVar("Value")
DEFAULT_RANKS = 4


def map_items(
    function: Callable[[Item], Value],
    items: Iterable[Item],
    *,
    world_size: int | None = None,
    **given: Unpack[Given],
) -> list[Value]:
    """Call a function with each item, on the ranks of a world; what it returned, in the items' order.

    Items are dealt out one by one before the start (rank 0 of 4 has items 0, 4, 8, ...). They travel with the
    function, all to every rank: map over names or numbers, and read what is large in the function.

    Args:
        function: of one item.
        items: anything that can be iterated over, and pickled.
        world_size: number of ranks, at most one an item; usually 4.
        **given: as of :func:`cosmic_fmi.run`: ``target``, ``env``, ``requirements``, ``memory_mb``,
            ``output``, ``budget_usd``, ``yes``, ``progress``.

    Raises:
        RankError: the function raised an exception; the rank's traceback says for which item.
        ExperimentError: as :func:`cosmic_fmi.run`.
    """
    listed = list(items)
    request = Request(**given)
    request.check()
    if not callable(function):
        raise SweepError(f"{function!r} is no function: map takes a function and its items")
    wanted = DEFAULT_RANKS if world_size is None else world_size
    if wanted < 1:
        raise SweepError(f"world_size={wanted!r}: give a whole number of at least 1")
    if not listed:
        return []
    size = min(wanted, len(listed))
    options = ProgramOptions(environment=dict(request.env), parameters=dict(request.env_from))
    setting = Setting(world_size=size, memory_mb=request.memory_mb)
    ended = run_function(function, {"items": listed}, setting, options, request)
    shares = cast("list[list[Value]]", ended.results)
    return [shares[index % size][index // size] for index in range(len(listed))]
