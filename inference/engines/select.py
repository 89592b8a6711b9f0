"""Which engine computes: what is asked for, what is installed, and what the model's file allows.

Measured (docs/benchmarks/inference.md): on a processor with AVX2 our own kernels are the fastest, and before
others onnxruntime comes next. Both start without torch, which is for CUDA and for where neither can be used.
"""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_fmi.common.cores import usable_cores
from inference.checkpoints import exported, weights
from inference.core.config import IMAGE, MissingError, ModelError
from inference.engines import kernels
from inference.engines.base import Engine

if TYPE_CHECKING:
    from inference.engines.native import NativeEngine
    from inference.engines.onnx import OnnxEngine
    from inference.engines.torch import TorchEngine


@dataclass(frozen=True)
class Choice:
    """What is asked for. `threads` None means every core; `heads` is for checkpoints that do not say."""

    engine: str = "auto"
    device: str = "auto"
    precision: str = "fp32"
    threads: int | None = None
    heads: int | None = None


def open_engine(model: Path, choice: Choice | None = None) -> Engine:
    """An engine for a checkpoint (.safetensors, or a .pt state dict) or an exported model (.onnx).

    Raises ModelError with one sentence when the model is unusable, or when what is asked for is not possible
    here. A model that has not changed since is not loaded again, so that a warm Lambda environment pays once.
    """
    try:
        stamp = model.stat()
    except OSError as error:
        raise ModelError(f"{model}: cannot read the model file ({error.strerror}).") from error
    return _open(model, choice or Choice(), stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=1)
def _open(model: Path, choice: Choice, _mtime_ns: int, _size: int) -> Engine:
    device = _device(model, choice)
    if device == "cpu" and choice.precision != "fp32":
        raise ModelError(f"--precision {choice.precision} needs a CUDA device: use fp32 on a processor.")
    engine = _choose(model, choice, device)
    if engine.image_shape != IMAGE:
        takes, given = (" x ".join(map(str, shape)) for shape in (engine.image_shape, IMAGE))
        raise ModelError(f"{model}: takes images of {takes}, and those of data files are {given}.")
    return engine


def _choose(model: Path, choice: Choice, device: str) -> "NativeEngine | OnnxEngine | TorchEngine":
    if choice.engine == "torch" or device == "cuda":
        return _torch(model, choice, device)
    if choice.engine == "native":
        return _native(model, choice)
    if choice.engine == "auto":
        with suppress(MissingError):
            if _native_is_fastest(model):
                return _native(model, choice)
    try:
        return _onnx(model, choice)
    except MissingError:
        # An exported model is of no use to torch.
        if choice.engine == "onnx" or model.suffix == exported.SUFFIX or not _installed("torch"):
            raise
        return _torch(model, choice, device)


def _device(model: Path, choice: Choice) -> str:
    """`cpu` or `cuda`. torch, which takes seconds to import, is asked only where there may be a device."""
    may_be_cuda = choice.engine in ("auto", "torch") and model.suffix != exported.SUFFIX
    if choice.device == "cpu" or (
        choice.device == "auto" and not (may_be_cuda and shutil.which("nvidia-smi"))
    ):
        return "cpu"
    if not may_be_cuda:
        raise ModelError("CUDA is for --engine torch and a .safetensors checkpoint: use --device cpu.")
    from inference.engines.torch import cuda_is_available  # noqa: PLC0415

    if cuda_is_available():
        return "cuda"
    if choice.device == "cuda":
        raise ModelError("this machine has no CUDA device that PyTorch can use: use --device cpu.")
    return "cpu"


def _installed(package: str) -> bool:
    return find_spec(package) is not None


def _native_is_fastest(model: Path) -> bool:
    if model.suffix != weights.SUFFIX or not kernels.built():
        return False
    return kernels.processor() is kernels.Processor.MEASURED


def _native(model: Path, choice: Choice) -> "NativeEngine":
    if not kernels.built():
        raise MissingError(
            "the native engine was not compiled: install a C compiler and then this package again "
            "(pip install -e .), or use --engine onnx."
        )
    if kernels.processor() is kernels.Processor.TOO_OLD:
        raise MissingError("the native engine needs a processor with AVX2 and FMA: use --engine onnx.")
    if model.suffix != weights.SUFFIX:
        raise MissingError(f"{model}: --engine native takes a {weights.SUFFIX} checkpoint.")
    from inference.engines.native import NativeEngine, unfit  # noqa: PLC0415

    try:
        found = weights.read(model, choice.heads)
    except weights.NotForNumPyError as error:
        raise MissingError(f"{error} Use --engine onnx or torch.") from error
    if reason := unfit(found.config):
        raise MissingError(f"{model}: {reason}")
    return NativeEngine(found.config, found.weights, choice.threads or usable_cores())


def _onnx(model: Path, choice: Choice) -> "OnnxEngine":
    if not _installed("onnxruntime"):
        raise MissingError("onnxruntime is not installed: pip install onnxruntime, or use --engine torch.")
    from inference.engines.onnx import OnnxEngine  # noqa: PLC0415

    threads = choice.threads or usable_cores()
    if model.suffix == exported.SUFFIX:
        engine = OnnxEngine(model, threads)
        heads = engine.metadata.get(exported.HEADS_KEY)
        if choice.heads is not None and heads is not None and heads != str(choice.heads):
            raise ModelError(f"{model}: was exported with {heads} heads; --heads needs the checkpoint.")
        return engine
    if found := _exported(model, choice, threads):
        return found
    if not _installed("onnx"):
        raise MissingError(
            f"{model}: has no usable exported model beside it that was made from it; make one with "
            "`cosmic-fmi export` where the package onnx is installed, or use --engine torch."
        )
    from inference.checkpoints.export import export  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        return OnnxEngine(export(model, choice.heads, Path(folder) / "model.onnx"), threads)


def _exported(model: Path, choice: Choice, threads: int) -> "OnnxEngine | None":
    """The engine of the model beside a checkpoint, if it is whole and of this checkpoint and these heads."""
    from inference.engines.onnx import OnnxEngine  # noqa: PLC0415

    path = exported.exported_path(model)
    try:
        found = OnnxEngine(path, threads) if path.is_file() else None
    except ModelError:  # damaged, or without its weights: that is no fault of the checkpoint
        return None
    if found is None or found.metadata.get(exported.SOURCE_KEY) != exported.fingerprint(model):
        return None
    heads = choice.heads or weights.known_heads(model)
    return found if heads is None or found.metadata.get(exported.HEADS_KEY) == str(heads) else None


def _torch(model: Path, choice: Choice, device: str) -> "TorchEngine":
    if model.suffix == exported.SUFFIX:
        raise ModelError(f"{model}: --engine torch needs the checkpoint, not the exported model.")
    from inference.checkpoints import checkpoint  # noqa: PLC0415
    from inference.engines.torch import TorchEngine  # noqa: PLC0415

    loaded = checkpoint.load(model, choice.heads).model
    return TorchEngine(loaded, device, choice.precision, choice.threads)
