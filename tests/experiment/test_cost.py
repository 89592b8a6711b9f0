from __future__ import annotations

import pytest

from experiment.cost import (
    Usage,
    breakdown,
    lambda_compute,
    load_prices,
    s3_requests,
    total,
    transitions,
)
from experiment.logs import Report

# What the course and the CAI paper multiply with; the exact price is 0.0000166667.
ROUNDED = 0.00001667


def report(billed_ms: float, memory_mb: int = 10240) -> Report:
    return Report("r", billed_ms, billed_ms, memory_mb, 100)


def test_team_3_eleven_executions_to_the_last_digit() -> None:
    prices = load_prices()
    states = 2 * 11 * prices.stepfunctions_transition
    requests = 11 * prices.lambda_request
    duration = 11 * lambda_compute(5200, 10240, ROUNDED)
    assert states == pytest.approx(0.00055, abs=1e-12)
    assert requests == pytest.approx(0.0000022, abs=1e-12)
    assert duration == pytest.approx(0.00953524, abs=1e-12)
    assert states + requests + duration == pytest.approx(0.01008744, abs=1e-12)


def test_team_3_three_executions() -> None:
    prices = load_prices()
    states = 6 * prices.stepfunctions_transition
    # 15.6 s at 10 GB, and the 15 requests that its last digits imply.
    functions = lambda_compute(15_600, 10240, ROUNDED) + 15 * prices.lambda_request
    assert states == pytest.approx(0.00015, abs=1e-12)
    assert functions == pytest.approx(0.00260352, abs=1e-12)
    assert states + functions == pytest.approx(0.00275352, abs=1e-12)


@pytest.mark.parametrize(
    ("requests", "seconds", "memory_gb", "cost"),
    [(517, 6.55, 2.8, 0.16), (259, 11.8, 4.0, 0.20), (173, 17.6, 5.9, 0.30), (130, 25, 7.0, 0.38)],
)
def test_cai_paper_partitions(requests: int, seconds: float, memory_gb: float, cost: float) -> None:
    assert requests * lambda_compute(seconds * 1000, memory_gb * 1024, ROUNDED) == pytest.approx(
        cost, abs=0.005
    )


def test_the_breakdown_sums_to_the_total_and_names_everything() -> None:
    usage = Usage(
        ranks=(report(7381), report(12578)),
        others=(report(200, 512), report(900, 1769)),
        transitions=transitions(3, 2),
        s3_get=20,
        s3_put=15,
        log_bytes=5000,
        duration_s=12.0,
        ephemeral_mb=2048,
    )
    items = breakdown(usage, load_prices())
    assert total(items) == sum(items.values())
    assert items["step_functions"] == pytest.approx(7 * 0.000025)
    assert items["lambda_requests"] == pytest.approx(4 * 0.0000002)
    assert items["lambda_storage"] == pytest.approx(1.5 * 19.959 * 0.0000000309)
    assert items["lambda_compute"] == pytest.approx(0.0000166667 * (199.59 + 0.1 + 0.9 * 1769 / 1024))
    assert all(value > 0 for value in items.values())


def test_storage_within_the_free_512_mb_costs_nothing() -> None:
    usage = Usage((report(1000),), (), 3, 0, 0, 0, 1.0)
    assert breakdown(usage, load_prices())["lambda_storage"] == 0


def test_requests_counted_by_the_ranks_are_billed() -> None:
    none = s3_requests(2, [], [])
    some = s3_requests(
        2, [{"objects_downloaded": 3}, {}], [{"s3_num_requests": 5}, {"s3_num_requests": None}]
    )
    assert some == (none[0] + 8, none[1])


def test_prices_know_the_architecture_and_say_which_region_they_are_of() -> None:
    assert load_prices("us-east-1", "arm64").lambda_gb_second == 0.0000133334
    assert load_prices("us-west-2").region == "us-west-2"
    assert load_prices("eu-nowhere-1").region == "us-east-1"
