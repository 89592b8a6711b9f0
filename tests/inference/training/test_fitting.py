"""Epochs: early stopping, the best weights at the end, and resuming to the last bit."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from inference.core.config import ModelError
from inference.training.fitting import Fit
from inference.training.recipe import Recipe

RECIPE = Recipe(epochs=6, batch_size=8, learning_rate=0.2, patience=6)


class Line:
    """Learn y = 2x + noise; validation gets worse by `drift` an epoch, if asked to."""

    name = "line"

    def __init__(self, drift: float = 0.0) -> None:
        torch.manual_seed(0)
        self.module: nn.Module = nn.Linear(1, 1)
        self.x = torch.linspace(-1, 1, 33)[:, None]
        self.count, self.validation_count = len(self.x), len(self.x)
        self.drift, self.validated = drift, 0

    def parameters(self) -> list[nn.Parameter]:
        return list(self.module.parameters())

    def train_mode(self) -> None:
        self.module.train()

    def loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        noise = torch.randn(len(rows), 1, generator=random)
        found: Tensor = (self.module(self.x[rows]) - 2 * self.x[rows] - 0.1 * noise).square().mean()
        return found

    def validation_loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        del random
        self.validated += int(rows[0] == 0)
        found: Tensor = (self.module(self.x[rows]) - 2 * self.x[rows]).square().mean()
        return found * (0 if self.drift else 1) + self.drift * self.validated


def weights(task: Line) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in task.module.parameters()]


def test_learning_learns_and_is_recorded(tmp_path: Path) -> None:
    task = Line()
    fit = Fit(task, RECIPE, tmp_path, {})
    assert fit.run()
    assert [epoch.number for epoch in fit.epochs] == [1, 2, 3, 4, 5, 6]
    assert fit.epochs[-1].validation < 0.3 * fit.epochs[0].validation
    written = json.loads((tmp_path / "curves.json").read_text())
    assert [epoch["validation"] for epoch in written] == [epoch.validation for epoch in fit.epochs]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("stops", [[1], [2, 1], [5]])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(stops: list[int], tmp_path: Path) -> None:
    whole = Line()
    uninterrupted = Fit(whole, RECIPE, tmp_path / "whole", {})
    uninterrupted.run()
    for number, stop in enumerate(stops):
        assert not Fit(Line(), RECIPE, tmp_path / "parts", {}).run(resume=number > 0, stop_after=stop)
    task = Line()
    last = Fit(task, RECIPE, tmp_path / "parts", {})
    assert last.run(resume=True)
    assert all(torch.equal(a, b) for a, b in zip(weights(task), weights(whole), strict=True))
    losses = [
        [(e.training, e.validation, e.learning_rate) for e in fit.epochs] for fit in (last, uninterrupted)
    ]
    assert losses[0] == losses[1]


def test_a_step_that_is_interrupted_is_repeated(tmp_path: Path) -> None:
    """Ctrl-C in the middle of an epoch: the state of the last whole one is what a later run goes on from."""

    class Interrupted(Line):
        steps = 0

        def loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
            self.steps += 1
            if self.steps == 10:
                raise KeyboardInterrupt
            return super().loss(rows, random)

    with pytest.raises(KeyboardInterrupt):
        Fit(Interrupted(), RECIPE, tmp_path / "parts", {}).run()
    task, whole = Line(), Line()
    Fit(task, RECIPE, tmp_path / "parts", {}).run(resume=True)
    Fit(whole, RECIPE, tmp_path / "whole", {}).run()
    assert all(torch.equal(a, b) for a, b in zip(weights(task), weights(whole), strict=True))


def test_learning_stops_when_validation_gets_worse_and_keeps_the_best(tmp_path: Path) -> None:
    task = Line(drift=1.0)
    fit = Fit(task, Recipe(epochs=50, batch_size=8, learning_rate=0.2, patience=3), tmp_path, {})
    first: list[Tensor] = []
    assert not fit.run(stop_after=1)
    first = weights(task)
    assert fit.run()
    assert len(fit.epochs) == 4
    assert fit.best_epoch.number == 1
    assert all(torch.equal(a, b) for a, b in zip(weights(task), first, strict=True))


def test_mixed_precision_learns_as_well(tmp_path: Path) -> None:
    recipe = Recipe(epochs=6, batch_size=8, learning_rate=0.2, precision="bfloat16")
    fit = Fit(Line(), recipe, tmp_path, {})
    assert fit.run()
    assert fit.epochs[-1].validation < 0.3 * fit.epochs[0].validation


def test_what_cannot_be_resumed_says_why(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to resume"):
        Fit(Line(), RECIPE, tmp_path, {}).run(resume=True)
    Fit(Line(), RECIPE, tmp_path, {"seed": 1}).run(stop_after=1)
    with pytest.raises(ModelError, match="seed 1, not 2"):
        Fit(Line(), RECIPE, tmp_path, {"seed": 2}).run(resume=True)
    (tmp_path / "last.pt").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="not a training state"):
        Fit(Line(), RECIPE, tmp_path, {"seed": 1}).run(resume=True)
    torch.save({"weights": torch.zeros(1)}, tmp_path / "last.pt")
    with pytest.raises(ModelError, match="not a training state"):
        Fit(Line(), RECIPE, tmp_path, {"seed": 1}).run(resume=True)


def test_divergence_is_an_error_not_a_network_of_nans(tmp_path: Path) -> None:
    class Diverging(Line):
        def loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
            return super().loss(rows, random) * float("nan")

    with pytest.raises(ModelError, match="line diverged in epoch 1"):
        Fit(Diverging(), RECIPE, tmp_path, {}).run()


def test_divergence_in_the_last_step_is_one_too(tmp_path: Path) -> None:
    """No later step sees the weights that it leaves, only validation does."""
    with pytest.raises(ModelError, match="line diverged in epoch 1"):
        Fit(Line(), Recipe(epochs=1, batch_size=33, learning_rate=1e30), tmp_path, {}).run()
    assert not (tmp_path / "last.pt").exists()


def test_precision_follows_the_device() -> None:
    assert Recipe().on("cuda", "auto").precision == "float16"
    assert Recipe().on("cpu", "auto").precision == "float32"
    assert Recipe().on("cpu", "bfloat16").precision == "bfloat16"
