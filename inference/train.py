"""Train AstroMAE: masked-autoencoder pretraining of the encoder, then fine-tuning of the rest."""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from inference import synthetic
from inference.checkpoint import load, save
from inference.config import SMALL, ModelConfig
from inference.engine import predict
from inference.galaxies import Galaxies
from inference.mae import MaskedAutoencoder
from inference.metrics import Metrics, measure
from inference.model import AstroMAE
from inference.normalisation import Normalisation
from inference.torch_engine import TorchEngine

HELD_OUT = 4096
"""Galaxies on which a new checkpoint is measured, from the same survey with another seed."""
HELD_OUT_SEED_OFFSET = 1_000_003


@dataclass(frozen=True)
class Recipe:
    """What training does; the defaults make the checkpoint that the repository ships."""

    galaxies: int = 24_576
    pretrain_epochs: int = 3
    epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    seed: int = 20_240_901
    config: ModelConfig = SMALL


def train(recipe: Recipe, output: Path) -> Metrics:
    """Train by `recipe`, write the checkpoint to `output` and return its metrics on galaxies it never saw.

    Those come from the same survey with another seed. Progress goes to standard output, a line an epoch.
    """
    torch.manual_seed(recipe.seed)
    started = time.perf_counter()
    galaxies = synthetic.sample(recipe.galaxies, recipe.seed)
    normalisation = Normalisation.of(galaxies)
    image, magnitude, redshift = normalisation.apply(galaxies)
    print(f"{len(galaxies)} galaxies made in {time.perf_counter() - started:.1f} s", flush=True)
    model = AstroMAE(recipe.config)
    pretrain(model, image, recipe)
    finetune(model, image, magnitude, redshift, recipe)
    normalisation.fold(model)
    metrics = evaluate(model.eval(), held_out(recipe.seed))
    seconds = round(time.perf_counter() - started)
    training = {
        "seed": recipe.seed,
        "galaxies": recipe.galaxies,
        "pretrain_epochs": recipe.pretrain_epochs,
        "epochs": recipe.epochs,
        "normalisation (folded into the weights)": normalisation.as_dict(),
        "held_out": metrics.as_dict(),
    }
    save(model, output, training)
    print(f"{output}: {metrics} after {seconds} s", flush=True)
    return metrics


def held_out(seed: int) -> Galaxies:
    """The galaxies on which a checkpoint trained on the survey `seed` is measured."""
    return synthetic.sample(HELD_OUT, seed + HELD_OUT_SEED_OFFSET)


def pretrain(model: AstroMAE, image: Tensor, recipe: Recipe) -> None:
    """Teach the encoder to paint the hidden 75 % of normalised images [N, 5, S, S]."""
    autoencoder = MaskedAutoencoder(model)
    parts = [model.cls_token, *(p for m in model.encoder_modules() for p in m.parameters())]
    decoder = [p for name, p in autoencoder.named_parameters() if not name.startswith("model.")]
    steps = Steps([*parts, *decoder], len(image), recipe.pretrain_epochs, recipe)
    autoencoder.train()
    for epoch in range(recipe.pretrain_epochs):
        losses = []
        for rows in steps.batches():
            order = torch.rand(len(rows), model.config.grid**2).argsort(1)
            losses.append(steps.step(autoencoder(image[rows], order)))
        print(
            f"pretraining {epoch + 1}/{recipe.pretrain_epochs}: loss {sum(losses) / len(losses):.4f}",
            flush=True,
        )


def finetune(model: AstroMAE, image: Tensor, magnitude: Tensor, redshift: Tensor, recipe: Recipe) -> None:
    """Train everything but the encoder on normalised galaxies."""
    model.train()
    frozen = [model.cls_token, *(p for m in model.encoder_modules() for p in m.parameters())]
    for parameter in frozen:
        parameter.requires_grad_(False)
    for module in model.encoder_modules():
        module.eval()
    # A frozen encoder says the same of an image in every epoch, so it is asked once.
    with torch.no_grad():
        pooled = torch.cat([model.pool(part) for part in torch.split(image, 1024)])
    steps = Steps([p for p in model.parameters() if p.requires_grad], len(image), recipe.epochs, recipe)
    loss_of = nn.SmoothL1Loss(beta=0.2)
    for epoch in range(recipe.epochs):
        losses = []
        for rows in steps.batches():
            predicted = model.fuse(pooled[rows], _turn(image[rows]), magnitude[rows])
            losses.append(steps.step(loss_of(predicted, redshift[rows])))
        print(f"fine-tuning {epoch + 1}/{recipe.epochs}: loss {sum(losses) / len(losses):.4f}", flush=True)


class Steps:
    """AdamW under a one-cycle learning rate, over shuffled batches."""

    def __init__(self, parameters: list[nn.Parameter], count: int, epochs: int, recipe: Recipe) -> None:
        self.parameters, self.count, self.batch_size = parameters, count, min(recipe.batch_size, count)
        self.optimizer = torch.optim.AdamW(parameters, recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            recipe.learning_rate,
            total_steps=max(2, epochs * (count // self.batch_size)),
            pct_start=0.15,
        )

    def batches(self) -> Iterator[Tensor]:
        """Row numbers of one epoch; a last incomplete batch would upset the batch norms and is left out."""
        order = torch.randperm(self.count)
        return iter(torch.split(order[: self.count // self.batch_size * self.batch_size], self.batch_size))

    def step(self, loss: Tensor) -> float:
        """Descend once; returns the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        return float(loss.detach())


def _turn(image: Tensor) -> Tensor:
    """The batch, mirrored and turned at random: the sky has no up."""
    quarter, mirror = (int(n) for n in torch.randint(0, 4, (2,)))
    turned = torch.rot90(image, quarter, (2, 3))
    return turned.flip(3) if mirror % 2 else turned


def evaluate(model: AstroMAE, galaxies: Galaxies) -> Metrics:
    """Metrics of `model` (in eval mode, raw inputs) on `galaxies`."""
    return measure(predict(TorchEngine(model), galaxies, batch_size=512).redshift, galaxies.redshift)


def main(arguments: list[str] | None = None) -> int:
    """Command line: train the small network and write a checkpoint."""
    defaults = Recipe()
    parser = argparse.ArgumentParser(
        prog="python -m inference.train",
        description="Pretrain and fine-tune the small AstroMAE network on synthetic galaxies.",
        epilog="example: python -m inference.train --output astromae-small.safetensors --epochs 12",
    )
    parser.add_argument("--output", type=Path, required=True, help="checkpoint to write (safetensors)")
    parser.add_argument(
        "--galaxies", type=int, default=defaults.galaxies, help="training sample (%(default)s)"
    )
    parser.add_argument("--pretrain-epochs", type=int, default=defaults.pretrain_epochs, help="(%(default)s)")
    parser.add_argument(
        "--epochs", type=int, default=defaults.epochs, help="fine-tuning epochs (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=defaults.seed, help="(%(default)s)")
    parser.add_argument("--threads", type=int, help="threads PyTorch may use (all cores)")
    given = parser.parse_args(arguments)
    if min(given.galaxies, given.epochs) < 1 or given.pretrain_epochs < 0:
        parser.error("--galaxies and --epochs must be at least 1, --pretrain-epochs at least 0")
    if given.threads:
        torch.set_num_threads(given.threads)
    train(Recipe(given.galaxies, given.pretrain_epochs, given.epochs, seed=given.seed), given.output)
    load(given.output)  # what was written can be read
    return 0


if __name__ == "__main__":
    sys.exit(main())
