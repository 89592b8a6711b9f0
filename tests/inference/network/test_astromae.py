"""The architecture: shapes, size, what each part sees, and that it matches an independent description."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from inference.core.config import SMALL, ModelConfig, ModelError, config_from_shapes
from inference.network.astromae import AstroMAE

TINY = ModelConfig(
    width=16, depth=2, heads=2, groups=4, inception_width=8, features=12, magnitude_width=8, fusion_width=8
)
NAMES = (
    "cls_token",
    "pos_embed",
    "patch_embed.proj.weight",
    "blocks.11.norm1.weight",
    "blocks.11.attn.qkv.weight",
    "blocks.11.attn.proj.bias",
    "blocks.11.attn.q_bias",
    "blocks.11.attn.v_bias",
    "blocks.11.norm2.bias",
    "blocks.11.mlp.fc1.weight",
    "blocks.11.mlp.fc2.weight",
    "blocks.11.PCM.0.weight",
    "blocks.11.PCM.1.running_mean",
    "blocks.11.PCM.3.bias",
    "fc_norm.weight",
    "head.weight",
    "inception_model.conv2d_init.weight",
    "inception_model.vis_inception.0.weight",
    "inception_model.vis_inception.8.branch3.1.conv.weight",
    "inception_model.vis_inception.12.weight",
    "inception_model.magnitude_block.8.weight",
    "vit_block.2.weight",
    "concat_block.2.weight",
)


def inputs(count: int, seed: int = 0) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    image = torch.rand(count, 5, 32, 32, generator=random)
    return [image, 15 + 5 * torch.rand(count, 5, generator=random, dtype=torch.float64)]


def scrambled(config: ModelConfig) -> AstroMAE:
    """A network whose every weight matters, batch norm statistics included."""
    torch.manual_seed(3)
    model = AstroMAE(config).eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.is_floating_point() and tensor.ndim < 2:
                tensor.add_(0.1 * torch.randn_like(tensor))
    return model


@pytest.fixture(scope="module")
def full() -> AstroMAE:
    return AstroMAE().eval()


def test_the_published_network_has_15_9_million_parameters(full: AstroMAE) -> None:
    assert sum(weights.numel() for weights in full.parameters()) == 15_902_889


def test_a_sample_costs_221_mflop(full: AstroMAE) -> None:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        full(inputs(1))
    # The counter leaves out fused attention: two products of tokens, tokens and width in each block.
    attention = 2 * 2 * 17 * 17 * 192 * 12
    assert (counter.get_total_flops() + attention) / 1e6 == pytest.approx(221, abs=1)


def test_weights_are_named_and_shaped_as_in_the_course(full: AstroMAE) -> None:
    weights = full.state_dict()
    assert set(NAMES) <= set(weights)
    assert weights["concat_block.0.weight"].shape == (1024, 3216)
    assert weights["inception_model.vis_inception.10.weight"].shape == (1096, 192)
    assert weights["blocks.0.PCM.0.weight"].shape == (768, 4, 1, 1)
    assert "blocks.0.attn.qkv.bias" not in weights


@pytest.mark.parametrize("config", [ModelConfig(), replace(ModelConfig(), kernel=3, heads=6), SMALL, TINY])
def test_one_redshift_a_galaxy(config: ModelConfig) -> None:
    with torch.inference_mode():
        assert AstroMAE(config).eval()(inputs(3)).shape == (3, 1)


def test_predictions_do_not_depend_on_the_batch() -> None:
    model, (image, magnitude) = scrambled(TINY), inputs(7)
    with torch.inference_mode():
        together = model([image, magnitude])
        alone = torch.cat([model([image[i : i + 1], magnitude[i : i + 1]]) for i in range(7)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_block_is_attention_and_convolution_side_by_side_then_the_mlp(kernel: int) -> None:
    model = scrambled(replace(TINY, kernel=kernel))
    block = model.blocks[0]
    weights = {
        name.removeprefix("blocks.0."): w for name, w in model.state_dict().items() if "blocks.0." in name
    }
    x = torch.randn(2, 17, 16)

    def norm(v: torch.Tensor, name: str) -> torch.Tensor:
        return functional.layer_norm(v, (16,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-6)

    normed = norm(x, "norm1")
    q, k, v = (normed @ w.T for w in weights["attn.qkv.weight"].split(16))
    q, v = q + weights["attn.q_bias"], v + weights["attn.v_bias"]
    heads = []
    for head in range(2):
        part = slice(8 * head, 8 * head + 8)
        scores = (q[..., part] * 8**-0.5) @ k[..., part].transpose(1, 2)
        heads.append(scores.softmax(-1) @ v[..., part])
    attended = torch.cat(heads, -1) @ weights["attn.proj.weight"].T + weights["attn.proj.bias"]
    grid = x[:, 1:].reshape(2, 4, 4, 16).permute(0, 3, 1, 2)
    c = functional.conv2d(grid, weights["PCM.0.weight"], weights["PCM.0.bias"], padding=kernel // 2, groups=4)
    mean, variance = weights["PCM.1.running_mean"], weights["PCM.1.running_var"]
    c = functional.batch_norm(c, mean, variance, weights["PCM.1.weight"], weights["PCM.1.bias"])
    c = functional.silu(c)
    c = functional.conv2d(c, weights["PCM.3.weight"], weights["PCM.3.bias"], padding=kernel // 2, groups=4)
    mixed = x + attended
    mixed[:, 1:] += c.permute(0, 2, 3, 1).reshape(2, 16, 16)
    hidden = functional.gelu(norm(mixed, "norm2") @ weights["mlp.fc1.weight"].T + weights["mlp.fc1.bias"])
    expected = mixed + hidden @ weights["mlp.fc2.weight"].T + weights["mlp.fc2.bias"]
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "config", [ModelConfig(), replace(TINY, kernel=3), replace(TINY, image_size=64, patch=4), SMALL]
)
def test_the_configuration_is_in_the_shapes(config: ModelConfig) -> None:
    with torch.device("meta"):
        model = AstroMAE(config)
    shapes = {name: tuple(w.shape) for name, w in model.state_dict().items()}
    assert config_from_shapes(shapes, config.heads) == config


@pytest.mark.parametrize("change", [{"heads": 5}, {"patch": 7}, {"groups": 7}, {"inception_width": 12}])
def test_impossible_configurations_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ModelError):
        replace(SMALL, **change)
