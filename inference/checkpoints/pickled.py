"""The weights in a pickled model, read without the code that made it.

`torch.save(model)` writes the names of the classes in a model, not the classes. Here each class and function
that a file names becomes an empty stand-in, made on the spot, that only remembers what it was given; nothing
of that name is imported. Only tensors are built for real, by the functions of PyTorch. What is left is a tree
of stand-ins with the tables in which every torch module keeps its weights and its submodules.
"""

import pickle
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from inference.checkpoints import weight_names
from inference.checkpoints.guarded_unpickler import GuardedDict, GuardedSet, GuardedUnpickler
from inference.core.config import ModelError
from inference.data._torch_pickle import MOST_BYTES

BUILT: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): GuardedDict,
    ("__builtin__", "set"): GuardedSet,  # which buffers a module does not save
    ("builtins", "set"): GuardedSet,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("torch", "Size"): torch.Size,
}
"""What is built for real. Storages, which hold the numbers, are PyTorch's business too."""

ARCHIVE = b"PK\x03\x04"
_TOO_LARGE = "its pickle has {} bytes, far more than the names and shapes of a model need"
OTHER_FORMAT = "it is not an archive, which is what torch.save writes since PyTorch 1.6"


class StandIn:
    """What a class or function of a pickle becomes: it takes any arguments and state, and does nothing."""

    def __init__(self, *arguments: object, **_: object) -> None:
        self.__dict__["arguments"] = arguments

    def __new__(cls, *_: object, **__: object) -> "StandIn":  # noqa: D102
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        """A pickle's attributes: a dictionary, or with slots a pair of them."""
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.__dict__.update(part)

    def __setitem__(self, key: object, value: object) -> None:
        """Entries of a dictionary that the stand-in stands for are not needed."""

    def append(self, item: object) -> None:
        """Nor are those of a list."""

    def extend(self, items: object) -> None:
        """Nor are those of a list, many at once."""


@dataclass(frozen=True)
class Names:
    """What a pickle refers to, as `module.name`: what is built for real and what gets a stand-in."""

    built: list[str]
    stand_ins: list[str]

    def __str__(self) -> str:
        return (
            f"  built for real: {', '.join(self.built) or 'nothing'}\n"
            f"  replaced by empty stand-ins, never imported: {', '.join(self.stand_ins) or 'nothing'}"
        )


def names(path: Path) -> Names:
    """Every global that the pickle names; nothing of it is run. Raises ModelError when there is no pickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            inner = next(info for info in archive.infolist() if info.filename.endswith("/data.pkl"))
            if inner.file_size > MOST_BYTES:
                raise ModelError(f"{path}: {_TOO_LARGE.format(inner.file_size)}.")
            found = sorted(set(_globals(archive.read(inner))))
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model file ({error.strerror or error}).") from error
    except ModelError:
        raise
    # A damaged file can stumble in any way; all of them mean the same to its owner.
    except Exception as error:
        raise ModelError(
            f"{path}: is damaged or not a file that torch.save wrote since PyTorch 1.6."
        ) from error
    real = {pair for pair in found if pair in BUILT or (pair[0] == "torch" and pair[1].endswith("Storage"))}
    return Names(
        *([".".join(pair) for pair in found if (pair in real) is wanted] for wanted in (True, False))
    )


def _globals(content: bytes) -> Iterator[tuple[str, str]]:
    """Module and name of each reference; newer protocols push both as strings, or recall them."""
    strings: list[str] = []
    memo: dict[int, str] = {}
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "GLOBAL":
            module, name = str(argument).split(" ", 1)
            yield module, name
        elif opcode.name == "STACK_GLOBAL":
            yield strings[-2], strings[-1]
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = strings[-1] if strings else ""
        elif opcode.name in ("BINGET", "LONG_BINGET") and argument in memo:
            strings.append(memo[argument])
        elif isinstance(argument, str):
            strings.append(argument)


@dataclass(frozen=True)
class PickledModel:
    """Weights by the network's own names, and the attention heads if the model says how many."""

    weights: dict[str, Tensor]
    heads: int | None


def _find(module: str, name: str) -> Any:  # noqa: ANN401 - what a pickle names can be anything
    """What a name of a pickle stands for: a stand-in where it is not in `BUILT`."""
    if (module, name) in BUILT:
        return BUILT[module, name]
    return type(name.rpartition(".")[2], (StandIn,), {"__module__": module})


class _Unpickler(GuardedUnpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        return _find(module, name)


def load(path: Path) -> PickledModel:
    """Read a whole model, inside DataParallel or not, or a state dict, on the CPU.

    Raises ModelError when the file is damaged or holds neither.
    """
    # PyTorch reads with `load`, past the stand-ins, only what is in its older formats.
    machinery = SimpleNamespace(
        Unpickler=_Unpickler, load=_refuse, UnpicklingError=pickle.UnpicklingError, __name__="stand-ins"
    )
    try:
        _check_format(path)
        loaded = torch.load(path, map_location="cpu", weights_only=False, pickle_module=machinery)
        return _found(path, loaded)
    except ModelError:
        raise
    # Whatever a damaged pickle makes of the stand-ins.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(f"{path}: cannot be read ({reason}).") from error


def _found(path: Path, loaded: object) -> PickledModel:
    if isinstance(loaded, Mapping):
        return PickledModel(_state_dict(path, loaded), None)
    weights = dict(_weights(loaded, ""))
    if not weights:
        raise ModelError(
            f"{path}: holds a {type(loaded).__name__}, in which there is no weight of a torch model."
        )
    return PickledModel(weight_names.plain(weights), _heads(loaded))


def _refuse(*_: object, **__: object) -> object:
    raise pickle.UnpicklingError(OTHER_FORMAT)


def _check_format(path: Path) -> None:
    """Raise UnpicklingError where torch.load would not use the stand-ins.

    It takes a file for an archive by its first bytes, while zipfile is content with one at the end, and
    compiles and runs what is in a TorchScript archive.
    """
    with path.open("rb") as file:
        if file.read(len(ARCHIVE)) != ARCHIVE:
            raise pickle.UnpicklingError(OTHER_FORMAT)
    # PyTorch's own reader, because two readers can see two things in one crafted archive.
    archive = torch._C.PyTorchFileReader(str(path))
    if "constants.pkl" in archive.get_all_records():
        raise pickle.UnpicklingError("it is a TorchScript archive, not what torch.save writes")
    if (size := archive.get_record_size("data.pkl")) > MOST_BYTES:
        raise pickle.UnpicklingError(_TOO_LARGE.format(size))


def _state_dict(path: Path, loaded: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The tensors of a state dict, or of the one that a training script keeps in a dictionary."""
    found = weight_names.unwrapped(loaded)
    weights = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    if not weights:
        raise ModelError(f"{path}: holds a dictionary without tensors.")
    return weight_names.plain(weights)


def _children(module: object) -> dict[str, object]:
    return dict(getattr(module, "_modules", None) or {})


def _weights(module: object, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """What the module's state_dict() would hold."""
    transient = getattr(module, "_non_persistent_buffers_set", None)
    hidden = transient if isinstance(transient, set) else set()
    for table in ("_parameters", "_buffers"):
        for name, value in (getattr(module, table, None) or {}).items():
            if isinstance(value, Tensor) and name not in hidden:
                yield prefix + name, value.detach()
    for name, child in _children(module).items():
        yield from _weights(child, f"{prefix}{name}.")


def _heads(module: object) -> int | None:
    """The attribute `num_heads` of the first module that has one."""
    number = getattr(module, "num_heads", None)
    if isinstance(number, int):
        return number
    return next((found for child in _children(module).values() if (found := _heads(child))), None)
