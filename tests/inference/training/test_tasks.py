"""What is learned: normalisation folds away exactly, hidden patches stay hidden, the encoder stays frozen."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.core.config import ModelError
from inference.core.galaxies import Galaxies
from inference.network.astromae import AstroMAE
from inference.training.calibration import calibrate
from inference.training.evaluation import evaluate, redshifts
from inference.training.finetuning import FineTuning, load_encoder, turn
from inference.training.mae import MaskedAutoencoder
from inference.training.normalisation import Normalisation
from inference.training.parts import Parts, with_redshift
from inference.training.pretraining import Pretraining
from tests.inference.network.test_astromae import TINY, scrambled


@pytest.fixture
def parts(survey: Galaxies) -> Parts:
    return Parts(survey[:256], survey[256:320], survey[320:384], {})


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


def test_normalised_numbers_are_about_one(survey: Galaxies) -> None:
    image, magnitude, redshift = Normalisation.of(survey).apply(survey)
    assert np.allclose(image.std((0, 2, 3)), 1, atol=1e-3)
    assert np.allclose(magnitude.mean(0), 0, atol=1e-3)
    assert redshift.shape == (1024, 1)


def test_a_band_that_was_not_observed_stays_one_number(survey: Galaxies) -> None:
    image, magnitude = survey.image.copy(), survey.magnitude.copy()
    image[:, 0], magnitude[:, 0] = 0.3, 25.0
    galaxies = Galaxies(image, magnitude, np.full(len(survey), 0.1), survey.object_id)
    parts = Parts(galaxies, galaxies[:64], galaxies[:64], {})
    assert float(Pretraining(TINY, parts).images[:, 0].max()) == pytest.approx(0.3)
    task = fine_tuning(parts)
    for column in task.training:
        assert torch.isfinite(column).all()
    assert np.isfinite(redshifts(task.raw(), galaxies[:8])).all()


def test_the_autoencoder_sees_only_what_is_shown() -> None:
    torch.manual_seed(0)
    autoencoder = MaskedAutoencoder(AstroMAE(TINY)).eval()
    assert autoencoder.keep == 4
    image = torch.rand(2, 5, 32, 32)
    order = torch.rand(2, 16).argsort(1)
    with_hidden_changed = image.clone()
    row, column = divmod(int(order[0, -1]), 4)
    with_hidden_changed[0, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 1.0
    # What is hidden is only in the target: the error changes, its gradient on the input side does not exist.
    assert autoencoder(image, order) != autoencoder(with_hidden_changed, order)
    shown = image.clone().requires_grad_()
    autoencoder.model.encode(autoencoder.model.embed(shown)[:, :1]).sum().backward()  # type: ignore[no-untyped-call]
    assert shown.grad is not None
    assert shown.grad[:, :, 8:, :].abs().sum() == 0


def test_patches_keep_their_pixels() -> None:
    autoencoder = MaskedAutoencoder(AstroMAE(TINY))
    image = torch.arange(5 * 32 * 32, dtype=torch.float32).reshape(1, 5, 32, 32)
    patches = autoencoder.patchify(image)
    assert torch.equal(patches[0, 5].reshape(5, 8, 8), image[0, :, 8:16, 8:16])


def fine_tuning(parts: Parts) -> FineTuning:
    torch.manual_seed(0)
    return FineTuning(AstroMAE(TINY), Normalisation.of(parts.train), parts)


def test_fine_tuning_leaves_the_encoder_alone(parts: Parts) -> None:
    task = fine_tuning(parts)
    before = {name: tensor.clone() for name, tensor in task.module.state_dict().items()}
    optimizer = torch.optim.AdamW(task.parameters(), 1e-2)
    for _ in range(3):
        task.train_mode()
        task.loss(torch.arange(64), torch.Generator().manual_seed(1)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    frozen = ("blocks.", "cls_token", "pos_embed", "patch_embed.")
    changed = {
        name for name, tensor in task.module.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert "concat_block.0.weight" in changed
    assert not [name for name in changed if name.startswith(frozen)]


def test_what_was_trained_predicts_from_raw_numbers(parts: Parts) -> None:
    """The shipped network on raw galaxies says what the trained one says on normalised ones."""
    task = fine_tuning(parts)
    raw = task.raw()
    image, magnitude, _, pooled = task.validation
    with torch.inference_mode():
        normalised = task.model.eval().fuse(pooled, image, magnitude)
        theirs = normalised * task.normalisation.redshift_scale + task.normalisation.redshift_mean
        found = raw([torch.from_numpy(parts.validation.image), torch.from_numpy(parts.validation.magnitude)])
    torch.testing.assert_close(found, theirs, rtol=1e-3, atol=1e-4)


def test_an_encoder_keeps_its_weights_and_scale(parts: Parts, tmp_path: Path) -> None:
    task = Pretraining(TINY, parts)
    path = tmp_path / "encoder.safetensors"
    task.save_encoder(path, {"note": 1})
    found = load_encoder(path)
    assert found.history == {"note": 1}
    assert torch.equal(found.image_scale, task.normalisation.image_scale)
    image = task.images[:4]
    with torch.inference_mode():
        torch.testing.assert_close(found.model.eval().pool(image), task.model.eval().pool(image))


def test_another_file_is_no_encoder(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    path.write_bytes(b"no")
    with pytest.raises(ModelError, match="not a readable safetensors file"):
        load_encoder(path)


def test_turned_images_are_the_same_galaxy() -> None:
    image = torch.rand(2, 5, 32, 32)
    seen = [turn(image, torch.Generator().manual_seed(seed)) for seed in range(40)]
    assert all(torch.equal(one.flatten(2).sort().values, image.flatten(2).sort().values) for one in seen)
    assert len({one.numpy().tobytes() for one in seen}) == 8


def test_galaxies_without_a_redshift_are_for_pretraining_only(survey: Galaxies) -> None:
    redshift = survey.redshift[:10].copy()
    redshift[3] = np.nan
    some = Galaxies(survey.image[:10], survey.magnitude[:10], redshift, survey.object_id[:10])
    assert len(with_redshift(some, "train")) == 9
    assert Normalisation.of(some).redshift_mean == pytest.approx(np.nanmean(redshift))
    none = Galaxies(some.image, some.magnitude, np.full(10, np.nan), some.object_id)
    assert Pretraining(TINY, Parts(none, none, none, {})).count == 10
    with pytest.raises(ValueError, match="train part has 0 galaxies with a redshift"):
        with_redshift(none, "train")


def test_calibration_takes_away_the_bias_and_nothing_else(survey: Galaxies) -> None:
    model = scrambled(TINY)
    before = redshifts(model, survey)
    shift = calibrate(model, survey)
    assert abs(shift) > 0.01
    np.testing.assert_allclose(redshifts(model, survey), before + shift, atol=1e-6)
    assert evaluate(model, survey).bias == pytest.approx(0.0, abs=1e-6)
