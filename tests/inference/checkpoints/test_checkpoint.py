"""Checkpoints: a round trip, clear errors, and the one that the repository ships."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.checkpoints import checkpoint
from inference.core.config import SMALL, ModelError
from inference.network.astromae import AstroMAE
from inference.predict import DEFAULT_MODEL
from inference.survey import synthetic
from inference.training.evaluation import evaluate
from tests.inference.network.test_astromae import TINY, inputs, scrambled


@pytest.fixture
def saved(tmp_path: Path) -> tuple[AstroMAE, Path]:
    model = scrambled(TINY)
    path = tmp_path / "model.safetensors"
    checkpoint.save(model, path, {"seed": 7})
    return model, path


def test_round_trip(saved: tuple[AstroMAE, Path]) -> None:
    model, path = saved
    loaded = checkpoint.load(path)
    assert loaded.model.config == TINY
    assert loaded.metadata["training"] == '{"seed": 7}'
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(loaded.model(inputs(4)), model(inputs(4)), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(weight, loaded.model.state_dict()[n]) for n, weight in model.state_dict().items())


def test_a_changed_file_is_read_again(saved: tuple[AstroMAE, Path]) -> None:
    _, path = saved
    first = checkpoint.load(path)
    assert checkpoint.load(path) is first
    checkpoint.save(scrambled(SMALL), path, {})
    assert checkpoint.load(path).model.config == SMALL


def test_heads_must_be_known(saved: tuple[AstroMAE, Path], tmp_path: Path) -> None:
    _, path = saved
    bare = tmp_path / "bare.safetensors"
    save_file(load_file(path), bare)
    with pytest.raises(ModelError, match="--heads"):
        checkpoint.load(bare)
    save_file(load_file(path), path, {"heads": "²"})
    with pytest.raises(ModelError, match="--heads"):
        checkpoint.load(path)
    assert checkpoint.load(bare, heads=4).model.config.heads == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [("concat_block.2.bias", "missing: concat_block.2.bias"), ("fc_norm.weight", "missing: fc_norm.weight")],
)
def test_a_missing_weight_is_named(saved: tuple[AstroMAE, Path], name: str, message: str) -> None:
    _, path = saved
    weights = load_file(path)
    del weights[name]
    save_file({**weights, "extra.thing": torch.zeros(1)}, path, {"heads": "2"})
    with pytest.raises(ModelError, match=message) as caught:
        checkpoint.load(path)
    assert "unexpected: extra.thing" in str(caught.value)
    assert path.name in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "heads", "message"),
    [
        ({}, "0", "heads is 0"),
        ({"patch_embed.proj.weight": torch.zeros(0, 5, 8, 8)}, "2", r"patch_embed\.proj\.weight .* is empty"),
        ({"blocks.0.PCM.0.weight": torch.zeros(64, 99, 1, 1)}, "2", "groups is 0"),
    ],
)
def test_sizes_that_make_no_network(
    saved: tuple[AstroMAE, Path], weights: dict[str, torch.Tensor], heads: str, message: str
) -> None:
    _, path = saved
    save_file({**load_file(path), **weights}, path, {"heads": heads})
    with pytest.raises(ModelError, match=message):
        checkpoint.load(path)


def test_any_width_of_the_hidden_layer_is_read_back(tmp_path: Path) -> None:
    """61 / 112 times 112 is a little less than 61."""
    config = replace(TINY, width=112, groups=1, mlp_ratio=61 / 112)
    checkpoint.save(AstroMAE(config), tmp_path / "model.safetensors", {})
    assert config.hidden == 61
    assert checkpoint.load(tmp_path / "model.safetensors").model.config == config


def test_a_weight_of_another_shape_is_named(saved: tuple[AstroMAE, Path]) -> None:
    _, path = saved
    save_file({**load_file(path), "head.weight": torch.zeros(3, 3)}, path, {"heads": "2"})
    with pytest.raises(ModelError, match=r"of another shape: head\.weight"):
        checkpoint.load(path)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no\.safetensors"):
        checkpoint.load(tmp_path / "no.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x00" * 40)
    with pytest.raises(ModelError, match=r"broken\.safetensors"):
        checkpoint.load(broken)


def test_the_shipped_checkpoint_predicts_galaxies_it_has_never_seen() -> None:
    assert DEFAULT_MODEL.stat().st_size < 10e6
    shipped = checkpoint.load(DEFAULT_MODEL)
    metrics = evaluate(shipped.model, synthetic.sample(1253, seed=987_654))
    assert metrics.r2 is not None
    assert metrics.r2 > 0.9
    assert metrics.precision is not None
    assert metrics.precision < 0.04
