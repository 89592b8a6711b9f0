"""docs/benchmarks/fmi.md, written anew from the results of a run."""

from __future__ import annotations

import collections

from benchmarks.fmi.cases import Case, quoted
from benchmarks.fmi.results import SMALL, Results
from benchmarks.fmi.runner import LISTS, OURS

QUOTED_TITLE = "original FMI (quoted)"

HEAD = """# FMI beside its peers

Written by `{command}`; do not edit. Medians of {rounds} rounds; in every round all systems take their turn
at each case, so that whatever else the machine did hit all of them alike. All ranks are processes on one
machine and talk TCP over loopback. A repetition begins after a barrier and lasts until the last rank is
through with it; point to point is half of there and back. Arrays are doubles; the size is each rank's.

![times of all systems](fmi.png)

Measured on: {machine}.

- **{ours}** is the array interface (`Allreduce` and its siblings), **{lists}** the original interface on
  lists of Python floats, as the course's scripts use it. Both pair through this repository's rendezvous
  server, with hole punching, and ask for cubic congestion control where the system allows it.
- **original FMI** is quoted: the C++ library through its Python interface, on lists, measured on two cores of
  another machine. It does not build here.
- **gloo** is torch.distributed's. **MPI** is mpi4py on Open MPI with `{mca}`:
  no transport between processes but TCP is there to choose.{mpi_check}
- **cubic** in a title: all connections of that system were switched to the congestion control that FMI asks
  for.
- **socket** is a Python socket with FMI's options: two processes, nothing else. Blocking ones sleep in the
  kernel; spinning ones ask again and again.
- Set-up is from the moment at which all ranks, already running with everything imported, begin to make their
  communicator until the last one is through its first barrier. MPI can do that once in a process, so its
  ranks are fresh ones.
"""


def document(
    results: Results, *, command: str, rounds: int, machine: list[str], mca: str, mpi: dict[int, int]
) -> str:
    """The page."""
    counts = ", ".join(f"{count} at {ranks} ranks" for ranks, count in mpi.items())
    check = f" After the cases its ranks had these TCP connections with each other: {counts}." if mpi else ""
    head = HEAD.format(
        command=command,
        rounds=rounds,
        machine="; ".join(machine),
        mca=mca,
        mpi_check=check,
        ours=OURS,
        lists=LISTS,
    )
    return "\n".join([head, *_tables(results), *_goals(results), *_slower(results), ""])


def seconds(value: float | None) -> str:
    """Three digits and a unit."""
    if value is None:
        return ""
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if value < limit:
            return f"{value * factor:.3g} {unit}"
    return f"{value:.3g} s"


def _tables(results: Results) -> list[str]:
    lines = ["## Times", ""]
    titles = [OURS, LISTS, QUOTED_TITLE, *(title for title in results.titles if title not in (OURS, LISTS))]
    lines.append("| | ranks | " + " | ".join(titles) + " |")
    lines.append("| --- | --- | " + " | ".join("---:" for _ in titles) + " |")
    for case, ranks in results.rows():
        cells = [_cell(results, title, ranks, case) for title in titles]
        lines.append(f"| {case.label} | {ranks} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _cell(results: Results, title: str, ranks: int, case: Case) -> str:
    if title == QUOTED_TITLE:
        return seconds(quoted(case, ranks))
    text = seconds(results.of(title, ranks, case))
    return f"**{text}**" if title == OURS else text


def _goals(results: Results) -> list[str]:
    goals = results.goals()
    reached = sum(goal.reached for goal in goals)
    lines = ["## Goals", "", f"{reached} of {len(goals)} reached.", ""]
    missed = [goal for goal in goals if not goal.reached]
    if missed:
        lines += ["| not reached | took | limit |", "| --- | ---: | ---: |"]
        lines += [f"| {goal.text} | {seconds(goal.ours)} | {seconds(goal.limit)} |" for goal in missed]
    return [*lines, ""]


def _slower(results: Results) -> list[str]:
    lines = ["## What is slower than whom, and why", ""]
    slower = results.slower()
    if not slower:
        return [*lines, "Nothing that was measured."]
    by_peer: dict[str, list[str]] = collections.defaultdict(list)
    for case, ranks, title, ratio in slower:
        by_peer[title].append(f"{case.label} at {ranks} ranks ({ratio:.2g} times)")
    lines += [f"- Than {title}: {', '.join(rows)}." for title, rows in by_peer.items()]
    return [*lines, "", *_reasons(results, {case for case, *_ in slower})]


def _reasons(results: Results, cases: set[Case]) -> list[str]:
    reasons = []
    if any(0 < case.nbytes <= SMALL or case.operation == "barrier" for case in cases):
        reasons.append(SMALL_REASON.format(cores=results.cores))
    if any(case.nbytes > SMALL for case in cases):
        reasons.append(LARGE_REASON)
    if any(case.operation == "setup" for case in cases):
        reasons.append(SETUP_REASON)
    sizes = {"small messages": results.pace(small=True), "large ones": results.pace(small=False)}
    paces = [f"{pace:.2g} times as long for {what}" for what, pace in sizes.items() if pace]
    if paces:
        reasons.append(QUOTED_REASON.format(paces=" and ".join(paces)))
    return [line for reason in reasons for line in (reason, "")]


SMALL_REASON = """Small messages: beside its system calls, a small call that was made before costs
5 to 10 µs of Python on every rank: argument checks, its number in the header, the lock, the copies, the
comparison of what came with what should come, the statistics. A C library needs a fraction of one and a bare
socket does none of it. A rank looks for a message again and again before it sleeps, and gives way to others
between two looks. With more ranks than the {cores} cores most of the time goes into changing from one process
to another: rank 0 then hears from all and tells all, which takes the fewest changes."""

LARGE_REASON = """Large messages: everyone copies every byte into the kernel and out of it, so the differences
are in how well copies on the two sides overlap, in how often a process goes to sleep between them, in the
congestion control, and in noise. Where ranks outnumber cores, Python's turns between the messages also cost
those who wait for the core."""

QUOTED_REASON = """The original is quoted from another machine, on which MPI was measured too: here MPI takes
{paces}. A time that was quoted is worth that much more here."""

SETUP_REASON = """Set-up: every connection is punched, authenticated both ways and probed with 64 KiB both
ways before it is used; the others connect to a known port and trust whoever is there."""
