"""Schedules: what one rank sends, receives and combines in a collective call, step by step, as data.

A builder (`bcast.tree`, `allreduce.halving` …) is a pure function of rank, size and counts that returns the
steps of one rank. Everything else comes from the steps: they are carried out (`context.run_schedule`), and
say whom a rank talks to, how much it sends, and where one step has to wait for another.

A step's range is counted in elements of one flat buffer. What a step sends may change only after a flush, so
a step that writes where something is still being sent has to flush before. An element that no step has
written yet is the operand's, if there is one: so a reduction does not copy its operand first.
"""

from __future__ import annotations

import bisect
import enum
import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

# Messages are announced to the channel at most this many receives beforehand.
AHEAD = 16
# What is combined is received into this many buffers in turn: one segment may be on its way out, and one on
# its way in, while one is combined.
SLOTS = 3


class Act(enum.IntEnum):
    """What a rank does with a range of its buffer."""

    SEND = 0
    TAKE = 1  # what comes replaces it
    AFTER = 2  # what comes is combined with it, and is from ranks before those whose data this rank holds
    BEFORE = 3  # the same, but from ranks after those
    JOIN = 4  # without a message: as AFTER, with what lies elsewhere in the buffer


class Step(NamedTuple):
    """One step of one rank.

    Attributes:
        act: what is done; an `Act`.
        peer: the rank that it is done with. Of JOIN, where the elements begin that are combined with the
            range, as the operand on the left.
        lo, hi: the range of elements, without the last one.
    """

    act: Act
    peer: int
    lo: int
    hi: int

    def moved(self, by: int) -> Step:
        """The same step with a range that begins later."""
        return self._replace(lo=self.lo + by, hi=self.hi + by)


class Move(NamedTuple):
    """A step, and what carrying it out takes.

    Attributes:
        step: the step.
        fresh: nothing was written to its range yet.
        flush: before it is carried out, or before it combines, everything sent has to be on its way.
        slot: number of the buffer that a message to combine is received into.
        ahead: the moves whose messages are announced before this one is carried out.
    """

    step: Step
    fresh: bool
    flush: bool
    slot: int
    ahead: tuple[Move, ...]


class Schedule:
    """The steps of one rank, and what follows from them.

    Args:
        steps: in the order in which they are done.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    @functools.cached_property
    def peers(self) -> tuple[int, ...]:
        """The ranks that the steps are with."""
        return tuple(dict.fromkeys(step.peer for step in self.steps if step.act != Act.JOIN))

    @functools.cached_property
    def writes(self) -> bool:
        """Whether any step changes the buffer."""
        return any(step.act != Act.SEND for step in self.steps)

    @functools.cached_property
    def largest_combined(self) -> int:
        """Elements of the largest message that is combined."""
        return max((hi - lo for act, _, lo, hi in self.steps if act in COMBINING), default=0)

    @functools.cached_property
    def slots(self) -> int:
        """How many buffers messages to combine are received into."""
        return min(SLOTS, sum(step.act in COMBINING for step in self.steps))

    @functools.cached_property
    def passes_on(self) -> bool:
        """Whether whatever is combined is sent right away and not used again, so that no buffer is needed."""
        ranges = [(step.lo, step.hi) for step in self.steps if step.act in COMBINING]
        pairs = itertools.pairwise((*self.steps, None))
        passed = all(_sends(following, step) for step, following in pairs if step and step.act in COMBINING)
        taken = any(step.act in (Act.TAKE, Act.JOIN) for step in self.steps)
        return passed and not taken and len(set(ranges)) == len(ranges)

    def moves(self, apart: bool) -> tuple[Move, ...]:
        """The steps with what carrying them out takes.

        Args:
            apart: whether the operand is another array than the buffer.
        """
        return self._moves_apart if apart else self._moves_in_place

    @functools.cached_property
    def _moves_apart(self) -> tuple[Move, ...]:
        return _moves(self.steps, apart=True)

    @functools.cached_property
    def _moves_in_place(self) -> tuple[Move, ...]:
        return _moves(self.steps, apart=False)


COMBINING = frozenset((Act.AFTER, Act.BEFORE))
RECEIVING = frozenset((Act.TAKE, Act.AFTER, Act.BEFORE))


def _sends(step: Step | None, combined: Step) -> bool:
    return step is not None and step.act == Act.SEND and step[2:] == combined[2:]


class _Ranges:
    """A set of elements: ranges that neither overlap nor touch, in order."""

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for _, _, lo, hi in steps:
            self.add(lo, hi)

    def overlap(self, lo: int, hi: int) -> bool:
        """Whether one of these elements is in the set."""
        at = bisect.bisect_right(self._ends, lo)
        return lo < hi and at < len(self._starts) and self._starts[at] < hi

    def add(self, lo: int, hi: int) -> None:
        """Have these elements in the set, too."""
        if lo >= hi:
            return
        first = bisect.bisect_left(self._ends, lo)
        last = bisect.bisect_right(self._starts, hi)
        if first < last:
            lo, hi = min(lo, self._starts[first]), max(hi, self._ends[last - 1])
        self._starts[first:last] = [lo]
        self._ends[first:last] = [hi]


def _moves(steps: Sequence[Step], apart: bool) -> tuple[Move, ...]:
    hazards = _hazards(steps, apart)
    announced: dict[int, list[Move]] = {}
    moves: list[Move] = []
    places = list(zip(steps, hazards, _slots(steps), _earliest(steps, hazards), strict=True))
    # The last one first, because a move holds the later ones that it announces.
    for index, (step, (fresh, flush), slot, earliest) in reversed(list(enumerate(places))):
        moves.append(Move(step, fresh, flush, slot, tuple(reversed(announced.pop(index, [])))))
        if earliest < index:
            announced.setdefault(earliest, []).append(moves[-1])
    return tuple(reversed(moves))


def _hazards(steps: Sequence[Step], apart: bool) -> list[tuple[bool, bool]]:
    """Of each step: whether its range is fresh, and whether there has to be a flush before it writes.

    The flush before a TAKE comes before the SENDs that lead up to it: their receivers may be about to send
    what is taken, so that all would wait for each other.
    """
    written, sending = _Ranges(), _Ranges()
    fresh: list[bool] = []
    flushes: set[int] = set()
    for index, (act, _, lo, hi) in enumerate(steps):
        fresh.append(not written.overlap(lo, hi))
        if act == Act.SEND:
            if not (apart and fresh[index]):
                sending.add(lo, hi)
            continue
        if sending.overlap(lo, hi):
            at = index if act in COMBINING else _before_sends(steps, index)
            flushes.add(at)
            sending = _Ranges(steps[at:index])
        written.add(lo, hi)
    return [(each, index in flushes) for index, each in enumerate(fresh)]


def _before_sends(steps: Sequence[Step], index: int) -> int:
    """Where the SENDs begin that lead up to a step, as far as they send something else than it writes."""
    _, _, lo, hi = steps[index]
    while index > 0 and steps[index - 1].act == Act.SEND:
        if max(lo, steps[index - 1].lo) < min(hi, steps[index - 1].hi):
            break
        index -= 1
    return index


def _slots(steps: Iterable[Step]) -> Iterator[int]:
    """Of each step: which buffer it receives into; they are used in turn."""
    combined = 0
    for step in steps:
        yield combined % SLOTS
        combined += step.act in COMBINING


def _earliest(steps: Sequence[Step], hazards: Sequence[tuple[bool, bool]]) -> Iterator[int]:
    """Of each step: before which one its message can be announced.

    What it comes into is not used from then on, and nothing is still being sent from there.
    """
    after_flush = 0
    for index, (step, (_, flush)) in enumerate(zip(steps, hazards, strict=True)):
        if flush:  # a message that is combined comes before the flush
            after_flush = index + 1 if step.act in COMBINING else index
        if step.act not in RECEIVING:
            yield index
        elif step.act == Act.TAKE:
            yield max(after_flush, _unused_since(steps, index))
        else:
            yield _unused_since(steps, index)


def _unused_since(steps: Sequence[Step], index: int) -> int:
    step = steps[index]
    received = combined = 0
    while index > 0:
        before = steps[index - 1]
        received += before.act in RECEIVING
        combined += before.act in COMBINING
        if before.act in RECEIVING and (before.peer == step.peer or received > AHEAD):
            break
        if combined == SLOTS if step.act in COMBINING else _uses(before, step):
            break
        index -= 1
    return index


def _uses(before: Step, step: Step) -> bool:
    """Whether a step other than a SEND reads or writes what a later one takes."""
    act, peer, lo, hi = before
    if act == Act.SEND:
        return False
    joined = act == Act.JOIN and max(peer, step.lo) < min(peer + hi - lo, step.hi)
    return joined or max(lo, step.lo) < min(hi, step.hi)
