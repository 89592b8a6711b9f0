"""The benchmark of messages, run for a moment, and what its page says about made-up times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fmi import plot, report
from benchmarks.fmi.cases import CASES, MIB, QUOTED, SETUP, Case
from benchmarks.fmi.results import Results
from benchmarks.fmi.runner import LISTS, OURS, Plan, Samples, columns, measure
from benchmarks.fmi.worlds import MCA

TITLES = [OURS, LISTS, "gloo", "MPI", "socket, blocking"]
PINGPONG = Case("pingpong", 8, (2,))
LARGE = Case("allreduce", MIB)


def results(samples: Samples) -> Results:
    return Results(samples, TITLES, cores=2)


def page(samples: Samples) -> str:
    return report.document(
        results(samples),
        command="make bench-fmi",
        rounds=3,
        machine=["a machine"],
        mca=" ".join(MCA),
        mpi={2: 1},
    )


def test_a_short_run_measures_every_system_without_its_peers() -> None:
    plan = Plan(1, 0.01, 3, (2,), (2,), [PINGPONG, Case("barrier")])
    samples, connections = measure(plan, columns(False, ""), lambda _: None)
    measured = {(title, case) for title, _, case in samples}
    sockets = {"socket, blocking", "socket, spinning"}
    assert measured == {
        *((title, PINGPONG) for title in {OURS, LISTS, *sockets}),
        *((title, Case("barrier")) for title in (OURS, LISTS)),
        (OURS, SETUP),
    }
    assert all(0 < value < 10 for values in samples.values() for value in values)
    assert connections == {}


def test_the_page_has_medians_and_the_original() -> None:
    text = page({(OURS, 2, LARGE): [1e-3, 4e-4, 5e-4], ("gloo", 2, LARGE): [2e-3]})
    row = next(line for line in text.splitlines() if line.startswith("| allreduce 1 MiB"))
    assert [cell.strip() for cell in row.split("|")[1:7]] == [
        "allreduce 1 MiB",
        "2",
        "**500 µs**",
        "",
        "18.7 ms",
        "2 ms",
    ]
    assert "2 of 2 reached" in text
    assert "Nothing that was measured" in text


def test_what_is_slower_is_said_with_a_reason() -> None:
    text = page(
        {(OURS, 2, PINGPONG): [3e-5], ("MPI", 2, PINGPONG): [1e-5], ("socket, blocking", 2, PINGPONG): [4e-5]}
    )
    assert "- Than MPI: point to point, one way 8 B at 2 ranks (3 times)." in text
    assert "| point to point, one way 8 B, 2 ranks: within 1.5 times MPI | 30 µs | 15 µs |" in text
    assert "Small messages:" in text
    assert "Large messages:" not in text
    assert "here MPI takes\n1.1 times as long for small messages." in text


@pytest.mark.parametrize(
    ("ranks", "title", "factor", "reached"),
    [(8, "gloo, cubic", 0.92, True), (4, "gloo, cubic", 0.92, False), (8, "MPI", 0.99, False)],
)
def test_goals_at_a_mebibyte(ranks: int, title: str, factor: float, reached: bool) -> None:
    made_up = Results(
        {(OURS, ranks, LARGE): [1e-3], (title, ranks, LARGE): [factor * 1e-3]}, [OURS, title], 2
    )
    goal = next(goal for goal in made_up.goals() if title in goal.text)
    assert goal.reached is reached


def test_every_quoted_time_belongs_to_a_case() -> None:
    cases = {(case.operation, case.nbytes): case.ranks for case in (SETUP, *CASES)}
    assert all(set(times) <= set(cases[key]) for key, times in QUOTED.items())


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    plot.draw(results({(OURS, 2, LARGE): [1e-3], ("gloo", 2, LARGE): [2e-3]}), tmp_path)
    assert (tmp_path / "fmi.png").stat().st_size > 1000
    assert (tmp_path / "fmi.svg").stat().st_size > 1000
