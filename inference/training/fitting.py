"""Epochs of learning: AdamW under a one-cycle rate, a checkpoint after each, resuming and early stopping."""

import io
import math
import pickle
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from cosmic_fmi.common.files import write_atomically
from inference.core.config import ModelError
from inference.training.curves import Epoch, write
from inference.training.recipe import Recipe

STATE = "last.pt"


class Task(Protocol):
    """Something to learn."""

    name: str
    module: nn.Module
    count: int
    validation_count: int

    def parameters(self) -> list[nn.Parameter]:
        """What learning changes."""

    def train_mode(self) -> None:
        """Get `module` ready for a step of learning."""

    def loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """Mean loss of training galaxies `rows`."""

    def validation_loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """Mean loss of validation galaxies `rows`; `module` is in eval mode."""


class Fit:
    """One run of `recipe` on `task`; `folder` keeps its last state and its curves.

    After `run`, the task's module has the weights of the epoch that was best on the validation part.
    """

    def __init__(self, task: Task, recipe: Recipe, folder: Path, origin: Mapping[str, object]) -> None:
        self.task, self.recipe, self.folder = task, recipe, folder
        self.identity = {"task": task.name, "recipe": recipe.as_dict(), "data": dict(origin)}
        self.batch_size = min(recipe.batch_size, task.count)
        self.optimizer = torch.optim.AdamW(
            task.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            recipe.learning_rate,
            total_steps=max(2, recipe.epochs * (task.count // self.batch_size)),
            pct_start=recipe.warm_up,
        )
        # Gradients of half precision underflow; scaling the loss keeps them. Off for the other precisions.
        self.scaler = torch.amp.GradScaler(recipe.device, enabled=recipe.precision == "float16")
        self.epochs: list[Epoch] = []
        self.best: dict[str, Tensor] = {}

    def run(self, *, resume: bool = False, stop_after: int | None = None) -> bool:
        """Learn until the recipe's last epoch, or until validation has not improved for its patience.

        `stop_after` ends earlier, after so many epochs of this run; then False is returned, and another `run`
        with `resume` goes on as if nothing had happened. Raises ModelError when there is nothing to resume,
        or when it was started with other settings.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if resume:
            self._load()
        try:
            if not self._run(stop_after):
                return False
        finally:
            if self.epochs:  # after Ctrl-C as well
                write(self.folder, self.task.name, self.epochs)
        self.task.module.load_state_dict(self.best)
        return True

    def _run(self, stop_after: int | None) -> bool:
        left = stop_after if stop_after is not None else self.recipe.epochs
        while not self._finished():
            if left == 0:
                return False
            self._epoch()
            self._save()
            print(f"{self.task.name}, {self.epochs[-1]} of {self.recipe.epochs}", flush=True)
            left -= 1
        return True

    @property
    def best_epoch(self) -> Epoch:
        """The epoch with the smallest loss on the validation part."""
        return min(self.epochs, key=lambda epoch: epoch.validation)

    def _finished(self) -> bool:
        done = len(self.epochs)
        if done and done - self.best_epoch.number >= self.recipe.patience:
            return True
        return done >= self.recipe.epochs

    def _epoch(self) -> None:
        started = time.perf_counter()
        number = len(self.epochs) + 1
        random = _randomness(self.recipe, number)
        losses = [self._step(rows, random) for rows in self._batches(random)]
        training = sum(losses) / len(losses)
        rate = float(self.schedule.get_last_lr()[0])
        self.epochs.append(Epoch(number, training, self._validate(), rate, time.perf_counter() - started))
        if self.best_epoch.number == number:
            self.best = {
                name: value.detach().clone() for name, value in self.task.module.state_dict().items()
            }

    def _batches(self, random: torch.Generator) -> Iterator[Tensor]:
        """Row numbers of one epoch; a last incomplete batch would upset the batch norms and is left out."""
        order = torch.randperm(self.task.count, generator=random)
        return iter(
            torch.split(order[: self.task.count // self.batch_size * self.batch_size], self.batch_size)
        )

    def _step(self, rows: Tensor, random: torch.Generator) -> float:
        self.task.train_mode()
        self.optimizer.zero_grad(set_to_none=True)
        with _autocast(self.recipe):
            loss = self.task.loss(rows, random)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.task.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        value = float(loss.detach())
        # An infinite loss of half precision is passed over by the scaler.
        if math.isnan(value):
            raise self._divergence()
        return value

    def _divergence(self) -> ModelError:
        number = len(self.epochs) + 1
        return ModelError(f"{self.task.name} diverged in epoch {number}: choose a smaller learning rate.")

    @torch.no_grad()
    def _validate(self) -> float:
        self.task.module.eval()
        # The same random numbers in every epoch, so that epochs can be compared.
        random = _randomness(self.recipe, 0)
        total = 0.0
        for rows in torch.split(torch.arange(self.task.validation_count), self.batch_size):
            with _autocast(self.recipe):
                total += float(self.task.validation_loss(rows, random)) * len(rows)
        # After the last step of an epoch nothing else would notice weights that are no numbers.
        if not math.isfinite(total):
            raise self._divergence()
        return total / self.task.validation_count

    def _save(self) -> None:
        state = {
            "identity": self.identity,
            "weights": self.task.module.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "epochs": [vars(epoch) for epoch in self.epochs],
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomically(self.folder / STATE, buffer.getvalue())

    def _load(self) -> None:
        path = self.folder / STATE
        try:
            state: dict[str, Any] = torch.load(path, map_location=self.recipe.device, weights_only=True)
            identity = state["identity"]
        except FileNotFoundError as error:
            raise ModelError(f"{path}: there is nothing to resume; leave out --resume.") from error
        except (OSError, RuntimeError, pickle.UnpicklingError, LookupError, TypeError) as error:
            raise ModelError(f"{path}: is not a training state that can be resumed.") from error
        if identity != self.identity:
            raise ModelError(f"{path}: was started otherwise ({_difference(identity, self.identity)}).")
        self.task.module.load_state_dict(state["weights"])
        self.best = state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The first setting in which two identities differ, in words."""
    for name, value in before.items():
        other = after.get(name)
        if value != other:
            if isinstance(value, dict) and isinstance(other, dict):
                return _difference(value, other)
            return f"{name} {value}, not {other}"
    return "fewer settings"


def _autocast(recipe: Recipe) -> torch.autocast:
    """Mixed precision as the recipe says; changes nothing at float32."""
    dtype = getattr(torch, recipe.precision)
    return torch.autocast(recipe.device, dtype, enabled=recipe.precision != "float32")


def _randomness(recipe: Recipe, epoch: int) -> torch.Generator:
    """An epoch's own random numbers, so that a resumed run draws what an uninterrupted one would."""
    return torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
