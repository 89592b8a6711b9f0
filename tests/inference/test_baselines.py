"""The baselines: what they say of a survey, and the command that sets them beside a checkpoint."""

import json
from pathlib import Path

import numpy as np
import pytest

from inference import baselines
from inference.checkpoints import checkpoint
from inference.core.galaxies import Galaxies
from tests.inference.network.test_astromae import TINY, scrambled


def test_each_baseline_is_better_than_the_mean(survey: Galaxies) -> None:
    found = dict(baselines.compare(survey[:768], survey[768:]))
    assert found["mean redshift"].r2 == pytest.approx(0.0, abs=0.05)
    learned = [metrics for name, metrics in found.items() if name != "mean redshift"]
    assert len(learned) == 4
    for metrics in learned:
        assert metrics.r2 is not None
        assert metrics.r2 > 0.7


def test_colours_are_differences_of_neighbouring_bands(survey: Galaxies) -> None:
    features = baselines.magnitudes_and_colours(survey[:2])
    u, g, *_ = survey.magnitude[0]
    assert features.shape == (2, 9)
    assert features[0, 5] == pytest.approx(u - g)


def test_the_command_compares_on_the_checkpoints_own_galaxies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("inference.training.parts.HELD_OUT", 64)
    model = tmp_path / "tiny.safetensors"
    checkpoint.save(scrambled(TINY), model, {"seed": 5, "galaxies": 256})
    assert baselines.main(["--model", str(model), "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert next(iter(found)) == "mean redshift"
    assert list(found)[-1] == "AstroMAE, tiny"
    assert all(np.isfinite(figures["MAE"]) and figures["num_samples"] == 64 for figures in found.values())
    assert len(capsys.readouterr().out.splitlines()) == len(found) + 1


def test_a_checkpoint_of_unknown_origin_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "course.safetensors"
    checkpoint.save(scrambled(TINY), model, {})
    assert baselines.main(["--model", str(model)]) == 1
    assert "does not say which synthetic galaxies" in capsys.readouterr().err
