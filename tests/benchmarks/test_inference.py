"""The inference benchmark on a tiny network: everything runs, and the page says what was measured."""

import re
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.inference import cold, machine, material, plot, report, throughput
from inference.fold import fold
from inference.model import AstroMAE
from inference.torch_graph import OptimisedAstroMAE
from tests.inference.test_model import TINY, inputs


@pytest.mark.timeout(300)
def test_the_page_and_the_picture(tmp_path: Path) -> None:
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
    ]
    assert all(row.rate > 0 and row.difference < 1e-5 for row in warm.rows)
    assert warm.gflops > 0
    # What the profiler adds up counts times within times again, so the course's figure is the smaller one.
    assert warm.course_formula > 0
    assert all(start.time > 0 for start in starts)
    theirs, _, ours = (start.megabytes for start in starts)
    assert ours < theirs

    page = report.document(warm, starts, command="make", rounds=1, machine=machine.describe())
    for row in warm.rows:
        assert f"| {row.title} | {row.batch_size} | {row.rate:.0f} |" in page
    for start in starts:
        assert f"| {start.title} | {start.time:.2f} |" in page
    assert len(re.findall(r"\| (yes|no) \|", page)) == 4
    assert "None" not in page
    assert "nan" not in page
    plot.draw(warm, starts, tmp_path / "inference.png")
    assert (tmp_path / "inference.png").read_bytes().startswith(b"\x89PNG")


def test_the_folded_network_computes_less() -> None:
    model = AstroMAE().eval()
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    folded = OptimisedAstroMAE(fold(model.config, weights))
    image, magnitude = inputs(1)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        folded(image, magnitude.float())
    attention = 2 * 2 * 17 * 17 * 192 * 12  # which the counter leaves out
    assert (counter.get_total_flops() + attention) / 1e6 == pytest.approx(throughput.FOLDED_MFLOP, abs=1)
