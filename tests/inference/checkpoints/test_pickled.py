"""A model that another program pickled whole, with code that is not here, becomes safetensors."""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from inference.checkpoints import checkpoint
from inference.checkpoints import pickled as pickled_model
from inference.core.config import ModelError
from inference.network.astromae import AstroMAE
from tests.inference.network.test_astromae import TINY, inputs, scrambled

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "convert_checkpoint.py"

# A module of its own with classes of its own, as the course's script has, that does something when imported.
COURSE = """
import functools, os, sys
from pathlib import Path
import torch
from torch import nn
sys.path.insert(0, {root!r})
from inference.checkpoints import checkpoint

Path({marker!r}).touch()

class Attention(nn.Module):
    pass

class MixedInceptionViT(nn.Module):
    pass

def course(module):
    "The same tree of modules, but of the course's own classes."
    own = {{"AstroMAE": MixedInceptionViT, "Attention": Attention}}.get(type(module).__name__)
    made = (own or (lambda: module))()
    for table in ("_parameters", "_buffers", "_modules"):
        setattr(made, table, getattr(module, table))
    for name, child in list(module._modules.items()):
        made._modules[name] = course(child)
    if own is Attention:
        made.num_heads = module.heads
        made.scale = functools.partial(pow, 2)
    made.__dict__.pop("config", None)
    return made
"""
SAVE = """
import sys; sys.path.insert(0, {folder!r})
from course_model import course, checkpoint, nn, torch, Path
model = course(checkpoint.load(Path({source!r})).model)
torch.save({saved}, {target!r}, pickle_protocol={protocol})
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[AstroMAE, Path]:
    model = scrambled(TINY)
    path = tmp_path_factory.mktemp("original") / "original.safetensors"
    checkpoint.save(model, path, {})
    return model, path


def pickled(source: Path, folder: Path, saved: str, protocol: int = 2) -> Path:
    """Have another process pickle the model with a module that is gone afterwards."""
    code, target = folder / "course_model.py", folder / "Mixed_Inception.pt"
    code.write_text(COURSE.format(root=str(ROOT), marker=str(folder / "imported")))
    script = SAVE.format(
        folder=str(folder), source=str(source), saved=saved, target=str(target), protocol=protocol
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)
    code.unlink()
    (folder / "imported").unlink()
    return target


def convert(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("saved", "protocol"), [("nn.DataParallel(model)", 2), ("model", 2), ("nn.DataParallel(model)", 4)]
)
def test_a_whole_model_is_converted_without_its_code(
    original: tuple[AstroMAE, Path], tmp_path: Path, saved: str, protocol: int
) -> None:
    model, source = original
    path = pickled(source, tmp_path, saved, protocol)
    done = convert(str(path), "--trust")
    assert done.returncode == 0, done.stderr
    assert "course_model.MixedInceptionViT" in done.stdout.split("stand-ins")[1]
    assert "torch._utils._rebuild_tensor_v2" in done.stdout.split("stand-ins")[0]
    assert "2 heads" in done.stdout
    loaded = checkpoint.load(path.with_suffix(".safetensors")).model
    assert loaded.config == TINY
    with torch.inference_mode():
        torch.testing.assert_close(loaded(inputs(3)), model(inputs(3)), rtol=1e-6, atol=1e-6)
    assert not (tmp_path / "imported").exists()


def test_without_trust_it_refuses_and_lists_the_names(
    original: tuple[AstroMAE, Path], tmp_path: Path
) -> None:
    path = pickled(original[1], tmp_path, "nn.DataParallel(model)")
    done = convert(str(path))
    assert done.returncode == 1
    for name in (
        "course_model.Attention",
        "torch.nn.parallel.data_parallel.DataParallel",
        "functools.partial",
    ):
        assert name in done.stdout
    assert "--trust" in done.stderr
    assert list(tmp_path.glob("*.safetensors")) == []


class Malicious:
    """Unpickling this the usual way would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_code_in_a_trusted_pickle_does_not_run_either(tmp_path: Path) -> None:
    path, marker = tmp_path / "model.pt", tmp_path / "owned"
    torch.save({"state_dict": {"a": torch.ones(2)}, "extra": Malicious(marker)}, path)
    assert any("mkdir" in name for name in pickled_model.names(path).stand_ins)
    assert list(pickled_model.load(path).weights) == ["a"]
    assert not marker.exists()


def test_code_in_front_of_an_archive_does_not_run(tmp_path: Path) -> None:
    """zipfile finds an archive at the end of any file; torch.load takes this one for its oldest format."""
    path, marker = tmp_path / "model.pt", tmp_path / "owned"
    torch.save({"a": torch.ones(2)}, path)
    path.write_bytes(pickle.dumps(Malicious(marker)) + path.read_bytes())
    done = convert(str(path), "--trust")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "since PyTorch 1.6" in done.stderr
    assert not marker.exists()


SCRIPTED = """
import sys, torch

class Scripted(torch.nn.Module):
    "As TorchScript, its state makes a file when it is loaded."

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return (self.path, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.path = state[0]
        self.training = state[1]
        torch.from_file(self.path, shared=True, size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

torch.jit.script(Scripted(sys.argv[1])).save(sys.argv[2])
"""


def test_a_torchscript_archive_does_not_run(tmp_path: Path) -> None:
    path, marker = tmp_path / "model.pt", tmp_path / "owned"
    (tmp_path / "make.py").write_text(SCRIPTED)  # TorchScript needs a source file
    make = [sys.executable, "-W", "ignore", str(tmp_path / "make.py"), str(marker), str(path)]
    subprocess.run(make, check=True, timeout=60)
    done = convert(str(path), "--trust")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "TorchScript" in done.stderr
    assert not marker.exists()


class Masked(torch.nn.Linear):
    """With a buffer that is no weight."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.register_buffer("mask", torch.ones(2), persistent=False)


@pytest.mark.parametrize("protocol", [2, 4])
def test_only_what_a_state_dict_would_hold_counts_as_a_weight(tmp_path: Path, protocol: int) -> None:
    torch.save(Masked(), tmp_path / "model.pt", pickle_protocol=protocol)
    assert sorted(pickled_model.load(tmp_path / "model.pt").weights) == ["bias", "weight"]


def test_state_dicts_are_converted_and_loaded_directly(
    original: tuple[AstroMAE, Path], tmp_path: Path
) -> None:
    model, _ = original
    path = tmp_path / "weights.pt"
    torch.save({f"module.{name}": tensor for name, tensor in model.state_dict().items()}, path)
    assert convert(str(path), "--trust").returncode == 1  # heads are not in a state dict
    done = convert(str(path), "--trust", "--heads", "2", "--export")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "weights.onnx").is_file()
    direct = checkpoint.load(path, heads=2).model
    with torch.inference_mode():
        torch.testing.assert_close(direct(inputs(3)), model(inputs(3)), rtol=1e-6, atol=1e-6)


def test_what_is_missing_is_named(original: tuple[AstroMAE, Path], tmp_path: Path) -> None:
    weights = original[0].state_dict()
    del weights["fc_norm.bias"]
    path = tmp_path / "weights.pt"
    torch.save({**weights, "extra.weight": torch.ones(1)}, path)
    done = convert(str(path), "--trust", "--heads", "2")
    assert done.returncode == 1
    assert "missing: fc_norm.bias; unexpected: extra.weight" in done.stderr
    with pytest.raises(ModelError, match=r"weights\.pt: .*missing: fc_norm\.bias; unexpected: extra\.weight"):
        checkpoint.load(path, heads=2)


@pytest.mark.parametrize(("name", "output"), [("m.pt", "m.pt"), ("m.pt", "m.onnx"), ("m.safetensors", None)])
def test_the_model_itself_is_not_overwritten(name: str, output: str | None, tmp_path: Path) -> None:
    given = tmp_path / name
    given.write_bytes(b"years of work")
    more = [] if output is None else ["--output", str(tmp_path / output)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(given), "--trust", *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 2
    assert "must end in .safetensors and not be the model itself" in done.stderr
    assert given.read_bytes() == b"years of work"


def test_files_that_are_no_models(tmp_path: Path) -> None:
    for name, content in (("broken.pt", b"PK\x03\x04 not an archive"), ("empty.pt", b"")):
        (tmp_path / name).write_bytes(content)
        done = convert(str(tmp_path / name), "--trust")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert name in done.stderr
        assert "damaged" in done.stderr
        with pytest.raises(ModelError, match=name):
            checkpoint.load(tmp_path / name)
    missing = convert(str(tmp_path / "missing.pt"))
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "No such file" in missing.stderr
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ModelError, match=r"list\.pt: holds a list"):
        pickled_model.load(tmp_path / "list.pt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pt")
    with pytest.raises(ModelError, match="cosmic-fmi convert"):
        checkpoint.load(tmp_path / "whole.pt")


def archive(folder: Path, content: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    """A file like those of torch.save around a pickle of one's own."""
    path = folder / "hostile.pt"
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("archive/data.pkl", content)
        file.writestr("archive/version", "3\n")
    return path


# Sixty tuples, each of which holds the one before it twice: the hash of the last takes 2^60 steps.
BOMB = b")" + b"2\x86" * 60


@pytest.mark.parametrize(
    "pickle_of",
    [
        b"\x80\x02}" + BOMB + b"K\x01s.",
        b"\x80\x02}(" + BOMB + b"K\x01u.",
        b"\x80\x02(" + BOMB + b"K\x01d.",
        b"\x80\x04\x8f(" + BOMB + b"\x90.",
        b"\x80\x04(" + BOMB + b"\x91.",
        b"\x80\x02c__builtin__\nset\n(](" + BOMB + b"etR.",
        b"\x80\x02ccollections\nOrderedDict\n(](" + BOMB + b"K\x01\x86etR.",
        b"\x80\x02ccollections\nOrderedDict\n)R(" + BOMB + b"K\x01u.",
        b"\x80\x02(c__builtin__\nset\n](" + BOMB + b"eo.",
        b"\x80\x02(](" + BOMB + b"ei__builtin__\nset\n.",
    ],
    ids=[
        "setitem",
        "setitems",
        "dict",
        "additems",
        "frozenset",
        "set",
        "pairs",
        "state",
        "obj",
        "inst",
    ],
)
@pytest.mark.timeout(20)
def test_nothing_is_hashed_that_takes_hours(tmp_path: Path, pickle_of: bytes) -> None:
    with pytest.raises(ModelError, match="refused a tuple as a dictionary's key or in a set"):
        pickled_model.load(archive(tmp_path, pickle_of))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_pickle_beyond_what_models_need_is_not_read(tmp_path: Path, compression: int) -> None:
    path = archive(tmp_path, b"\x80\x02" + b"N0" * 600_000 + b"N.", compression)
    for read in (pickled_model.names, pickled_model.load):
        with pytest.raises(ModelError, match="its pickle has 1200004 bytes, far more than"):
            read(path)


def test_a_module_within_itself_is_no_endless_work(tmp_path: Path) -> None:
    own = b"\x80\x02cm\nM\n)\x81q\x00}X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00ah\x00ssb."
    with pytest.raises(ModelError, match="cannot be read"):
        pickled_model.load(archive(tmp_path, own))
