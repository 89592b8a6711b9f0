"""Training: normalisation folds away exactly, the encoder stays frozen, and a few steps already learn."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inference import checkpoint, train
from inference.galaxies import Galaxies
from inference.mae import MaskedAutoencoder
from inference.model import AstroMAE
from inference.normalisation import Normalisation
from tests.inference.test_model import TINY, scrambled


def test_folding_the_normalisation_changes_no_prediction(survey: Galaxies) -> None:
    galaxies = survey[:32]
    normalisation = Normalisation.of(survey)
    model = scrambled(TINY)
    image, magnitude, _ = normalisation.apply(galaxies)
    with torch.inference_mode():
        before = model([image, magnitude]) * normalisation.redshift_scale + normalisation.redshift_mean
        normalisation.fold(model)
        after = model([torch.from_numpy(galaxies.image), torch.from_numpy(galaxies.magnitude)])
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)


def test_the_autoencoder_sees_only_what_is_shown() -> None:
    torch.manual_seed(0)
    autoencoder = MaskedAutoencoder(AstroMAE(TINY)).eval()
    assert autoencoder.keep == 4
    image = torch.rand(2, 5, 32, 32)
    order = torch.rand(2, 16).argsort(1)
    latent = autoencoder.model.encode(autoencoder.model.embed(image)[:, :4])
    assert latent.shape == (2, 5, 16)
    with_hidden_changed = image.clone()
    row, column = divmod(int(order[0, -1]), 4)
    with_hidden_changed[0, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 1.0
    # What is hidden is only in the target: the error changes, its gradient on the input side does not exist.
    assert autoencoder(image, order) != autoencoder(with_hidden_changed, order)
    shown = image.clone().requires_grad_()
    painted = autoencoder.model.encode(autoencoder.model.embed(shown)[:, :1])
    painted.sum().backward()  # type: ignore[no-untyped-call]
    assert shown.grad is not None
    assert shown.grad[:, :, 8:, :].abs().sum() == 0


def test_patches_keep_their_pixels() -> None:
    autoencoder = MaskedAutoencoder(AstroMAE(TINY))
    image = torch.arange(5 * 32 * 32, dtype=torch.float32).reshape(1, 5, 32, 32)
    patches = autoencoder.patchify(image)
    assert torch.equal(patches[0, 5].reshape(5, 8, 8), image[0, :, 8:16, 8:16])


def test_fine_tuning_leaves_the_encoder_alone(survey: Galaxies) -> None:
    torch.manual_seed(0)
    model = AstroMAE(TINY)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train.finetune(
        model, *Normalisation.of(survey).apply(survey[:256]), train.Recipe(epochs=1, batch_size=64)
    )
    frozen = ("blocks.", "cls_token", "pos_embed", "patch_embed.")
    for name, tensor in model.state_dict().items():
        if name.startswith(frozen):
            assert torch.equal(tensor, before[name]), name
    after = model.state_dict()["concat_block.0.weight"]
    assert not torch.equal(after, before["concat_block.0.weight"])


def test_a_few_steps_learn_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.train.HELD_OUT", 256)
    recipe = train.Recipe(galaxies=512, pretrain_epochs=1, epochs=4, batch_size=32, config=TINY)
    output = tmp_path / "tiny.safetensors"
    metrics = train.train(recipe, output)
    assert metrics.num_samples == 256
    assert metrics.r2 is not None
    assert metrics.r2 > 0.2
    assert '"seed": 20240901' in checkpoint.load(output).metadata["training"]


def test_the_same_seed_gives_the_same_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.train.HELD_OUT", 16)
    recipe = train.Recipe(galaxies=128, pretrain_epochs=1, epochs=1, batch_size=64, config=TINY)
    found = [train.train(recipe, tmp_path / f"{n}.safetensors") for n in range(2)]
    assert found[0].mae == pytest.approx(found[1].mae, rel=1e-5)


@pytest.mark.parametrize("bad", [["--epochs", "0"], ["--galaxies", "-1"], ["--epochs", "many"]])
def test_bad_arguments(bad: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        train.main(["--output", str(tmp_path / "x"), *bad])
    assert caught.value.code == 2


def test_normalised_numbers_are_about_one(survey: Galaxies) -> None:
    image, magnitude, redshift = Normalisation.of(survey).apply(survey)
    assert np.allclose(image.std((0, 2, 3)), 1, atol=1e-3)
    assert np.allclose(magnitude.mean(0), 0, atol=1e-3)
    assert redshift.shape == (1024, 1)
