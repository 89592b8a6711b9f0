"""The course's way of running inference, written here for the comparison.

Its Lambda script loads a whole pickled model and a TensorDataset with torch, goes through a DataLoader, and
runs PyTorch's profiler with memory on around each batch, with a garbage collection after it. Its figure of
samples a second divides by the sum of the profiler's times, in which an operator's time is counted again in
every operator that contains it. The newer script has the same loop without profiler and collection.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.data import DataLoader, TensorDataset

BATCH_SIZE = 512


def lambda_loop(model: nn.Module, data: TensorDataset) -> tuple[list[torch.Tensor], float]:
    """Predictions by batch, and the seconds that the profiler's events add up to."""
    predictions, profiled = [], 0.0
    for image, magnitude, *_ in DataLoader(data, batch_size=BATCH_SIZE):
        with (
            _silence(),
            profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler,
            record_function("model_inference"),
            torch.no_grad(),
        ):
            predictions.append(model([image, magnitude]))
        profiled += profiler.key_averages().total_average().cpu_time_total / 1e6
        gc.collect()
    return predictions, profiled


@contextmanager
def _silence() -> Iterator[None]:
    """Without what the profiler writes to the standard error at each start and stop, from C++."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def newer_loop(model: nn.Module, data: TensorDataset) -> list[torch.Tensor]:
    """Predictions by batch."""
    with torch.no_grad():
        return [model([image, magnitude]) for image, magnitude, *_ in DataLoader(data, batch_size=BATCH_SIZE)]


def main(model_path: Path, data_path: Path) -> None:
    """One cold start: from files to the last prediction."""
    model = torch.load(model_path, map_location="cpu", weights_only=False).module.eval()
    data = torch.load(data_path, weights_only=False)
    predictions, _ = lambda_loop(model, data)
    print(sum(len(batch) for batch in predictions))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
