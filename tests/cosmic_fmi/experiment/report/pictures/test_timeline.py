"""What each rank did when."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cosmic_fmi.experiment.report.pictures import pictures
from cosmic_fmi.experiment.report.pictures.timeline import rank_spans
from tests.cosmic_fmi.experiment.support import rows


def test_a_phase_is_counted_once_a_rank_in_the_timeline() -> None:
    """The bundle's download and waiting for data are one phase of 0.5 + 2 s."""
    made = [
        {**rows.rank(number=number), "phases.download": 2.0, "phases.inference": 3.0} for number in (0, 1)
    ]
    [drawn] = [
        one for one in pictures([rows.row()], made, rows.predictions("other")) if one.name == "timeline"
    ]
    assert ["download", 2, 2.5, 2.5, 2.5] in [list(line) for line in drawn.body]


def test_spans_of_a_rank_follow_each_other_and_end_with_it() -> None:
    spans = rank_spans(rows.rank())
    assert [name for name, _, _ in spans] == ["cold start", "download", "import", "inference", "other"]
    assert spans[0][1] == pytest.approx(0.7)
    for (_, start, length), (_, following, _) in pairwise(spans):
        assert start + length == pytest.approx(following)
    assert sum(spans[-1][1:]) == pytest.approx(9.0)


def test_rows_read_back_from_csv_draw_the_same() -> None:
    text = {key: "" if value is None else str(value) for key, value in rows.rank().items()}
    assert rank_spans(text) == rank_spans(rows.rank())
