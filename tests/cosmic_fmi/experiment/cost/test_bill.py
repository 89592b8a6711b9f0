from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmic_fmi.common.contract.outcome import Outcome
from cosmic_fmi.experiment.aws.lambda_logs import Report
from cosmic_fmi.experiment.cost.bill import (
    ITEMS,
    Usage,
    breakdown,
    gb_seconds,
    lines,
    rendezvous,
    rendezvous_seconds,
    s3_requests,
    total,
)
from cosmic_fmi.experiment.cost.prices import HOURS_A_MONTH, load_prices

# What the course and the CAI paper multiply with; the exact price is 0.0000166667.
ROUNDED = 0.00001667


def report(billed_ms: float, memory_mb: int = 10240) -> Report:
    return Report("r", billed_ms, billed_ms, memory_mb, 100)


NOTHING = Usage(
    ranks=(),
    others=(),
    parent_transitions=0,
    map_children=0,
    s3_get=0,
    s3_put=0,
    stored_bytes=0,
    log_bytes=0,
    rendezvous_s=0.0,
)


def test_team_3_eleven_executions_to_the_last_digit() -> None:
    """The bill itself, at the course's rounded price of a GB-second."""
    prices = replace(load_prices(), lambda_gb_second=ROUNDED)
    used = replace(NOTHING, ranks=(report(5200),) * 11, parent_transitions=2 * 11)
    items = breakdown(lines(used, prices))
    assert f"{items['step_functions']:.5f}" == "0.00055"
    assert f"{items['lambda_requests']:.7f}" == "0.0000022"
    assert f"{items['lambda_compute']:.8f}" == "0.00953524"
    assert f"{total(items):.8f}" == "0.01008744"


def test_team_3_three_executions() -> None:
    prices = replace(load_prices(), lambda_gb_second=ROUNDED)
    # 15.6 s at 10 GB, and the 15 requests that its last digits imply.
    used = replace(NOTHING, ranks=(report(1040),) * 15, parent_transitions=6)
    items = breakdown(lines(used, prices))
    assert f"{items['step_functions']:.5f}" == "0.00015"
    assert f"{items['lambda_compute'] + items['lambda_requests']:.8f}" == "0.00260352"
    assert f"{total(items):.8f}" == "0.00275352"


@pytest.mark.parametrize(
    ("requests", "seconds", "memory_gb", "cost"),
    [(517, 6.55, 2.8, "0.16"), (259, 11.8, 4.0, "0.20"), (173, 17.6, 5.9, "0.30"), (130, 25, 7.0, "0.38")],
)
def test_cai_paper_partitions(requests: int, seconds: float, memory_gb: float, cost: str) -> None:
    assert f"{requests * gb_seconds(seconds * 1000, memory_gb * 1024) * ROUNDED:.2f}" == cost


def test_the_breakdown_sums_to_the_total_and_names_everything() -> None:
    used = Usage(
        ranks=(report(7381), report(12578)),
        others=(report(200, 512), report(900, 1769)),
        parent_transitions=3,
        map_children=2,
        s3_get=20,
        s3_put=15,
        stored_bytes=4096,
        log_bytes=5000,
        rendezvous_s=12.0,
        ephemeral_mb=2048,
    )
    items = breakdown(lines(used, load_prices()))
    assert tuple(items) == ITEMS
    assert total(items) == sum(items.values())
    assert items["step_functions"] == pytest.approx(7 * 0.000025)
    assert items["lambda_requests"] == pytest.approx(4 * 0.0000002)
    assert items["lambda_storage"] == pytest.approx(1.5 * 19.959 * 0.0000000309)
    assert items["lambda_compute"] == pytest.approx(0.0000166667 * (199.59 + 0.1 + 0.9 * 1769 / 1024))
    assert items["s3_requests"] == pytest.approx(20 * 0.0000004 + 15 * 0.000005)
    assert items["rendezvous"] == pytest.approx(12 / 3600 * (0.25 * 0.04048 + 0.5 * 0.004445 + 0.005))
    assert all(value > 0 for value in items.values())


def test_nothing_used_costs_nothing_and_has_no_lines() -> None:
    assert lines(NOTHING, load_prices()) == []
    assert total(breakdown([])) == 0


@given(
    billed=st.lists(st.tuples(st.integers(1, 900_000), st.integers(128, 10_240)), max_size=20),
    children=st.integers(0, 1000),
    stored=st.integers(0, 10**10),
    ephemeral=st.integers(512, 10_240),
)
@settings(deadline=None)
def test_every_total_explains_itself(
    billed: list[tuple[int, int]], children: int, stored: int, ephemeral: int
) -> None:
    ranks = tuple(report(ms, memory) for ms, memory in billed)
    used = replace(NOTHING, ranks=ranks, map_children=children, stored_bytes=stored, ephemeral_mb=ephemeral)
    bill = lines(used, load_prices())
    rows = [line.row() for line in bill]
    assert all(row["amount_usd"] == row["quantity"] * row["unit_price_usd"] > 0 for row in rows)
    items = breakdown(bill)
    assert total(items) == pytest.approx(sum(row["amount_usd"] for row in rows), rel=1e-12)
    # By hand, without the lines: compute is linear in time and memory.
    gb_s = sum(ms / 1000 * memory / 1024 for ms, memory in billed)
    assert items["lambda_compute"] == pytest.approx(gb_s * load_prices().lambda_gb_second, rel=1e-9)


def test_storage_within_the_free_512_mb_costs_nothing() -> None:
    used = replace(NOTHING, ranks=(report(1000),))
    assert breakdown(lines(used, load_prices()))["lambda_storage"] == 0


def test_requests_counted_by_the_ranks_are_billed() -> None:
    none = s3_requests(2, [], [])
    outcomes = [Outcome(0, "succeeded", objects_downloaded=3), Outcome(1, "succeeded")]
    some = s3_requests(2, outcomes, [{"s3_num_requests": 5}, {"s3_num_requests": None}])
    assert some == (none[0] + 8, none[1])


def test_a_month_of_the_rendezvous_server_that_is_always_on() -> None:
    prices = load_prices()
    month = sum(line.amount_usd for line in rendezvous(HOURS_A_MONTH * 3600, prices))
    assert month == pytest.approx(HOURS_A_MONTH * prices.rendezvous_hour)
    assert f"{month:.2f}" == "12.66"


def test_on_demand_pays_for_the_idle_time_and_at_least_a_minute() -> None:
    assert rendezvous_seconds(10.0, on_demand=False, idle_s=300.0) == 10.0
    assert rendezvous_seconds(10.0, on_demand=True, idle_s=300.0) == 310.0
    assert rendezvous_seconds(10.0, on_demand=True) == 60.0
