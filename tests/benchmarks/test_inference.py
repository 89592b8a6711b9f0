"""The inference benchmark on a tiny network: everything runs, and the page says what was measured."""

import re
from pathlib import Path

import pytest

from benchmarks.inference import cold, flops, machine, material, plot, report, throughput
from inference.data import dataset
from inference.network.astromae import AstroMAE
from tests.inference.network.test_astromae import TINY
from tests.inference.support.native import needs_kernels


@needs_kernels
@pytest.mark.timeout(300)
def test_the_page_and_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "MATRIX", 256)
    made = material.make(tmp_path, count=40, config=TINY)
    said: list[str] = []
    warm = throughput.measure(made, 1, said.append)
    starts = cold.measure(made, 1, said.append)
    assert [row.title for row in warm.rows] == [
        throughput.LAMBDA,
        throughput.NEWER,
        throughput.PLAIN,
        throughput.TORCH,
        throughput.ONNX,
        throughput.NATIVE,
    ]
    for row in warm.rows:
        assert row.rate > 0
        assert row.difference < 1e-5
        assert row.share > 0
    assert warm.row(throughput.LAMBDA).speed == 1.0
    # What the profiler adds up counts times within times again, so the course's figure is the smaller one.
    assert warm.course_formula > 0
    assert all(start.time > 0 for start in starts)
    theirs, _, *ours = (start.megabytes for start in starts)
    assert max(ours) < theirs

    page = report.document(warm, warm, starts, command="make", rounds=1, machine=machine.describe())
    for row in warm.rows:
        assert f"| {row.title} | {row.batch_size} | {row.rate:.0f} |" in page
    for start in starts:
        assert f"| {start.title} | {start.time:.2f} |" in page
    assert len(re.findall(r"\| (yes|no) \|", page)) == 4
    assert "None" not in page
    assert "nan" not in page
    plot.draw(warm, starts, tmp_path / "inference.png")
    assert (tmp_path / "inference.png").read_bytes().startswith(b"\x89PNG")


def test_the_shipped_checkpoint_can_be_measured(tmp_path: Path) -> None:
    made = material.shipped(tmp_path, count=4)
    assert len(dataset.read(made.data)) == len(made.galaxies) == 4
    assert made.pickled.is_file()
    assert flops.plain(made.model) < flops.plain(AstroMAE().eval()) / 10


def test_the_folded_network_computes_less() -> None:
    model = AstroMAE().eval()
    assert (flops.plain(model), flops.folded(model)) == pytest.approx((221, 212), abs=1)
