"""Exported models: which ones are used for a checkpoint, and what is said of one that cannot be."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from inference.checkpoints import checkpoint, exported
from inference.checkpoints.export import export
from inference.core.config import ModelError
from inference.engines import kernels
from inference.engines.onnx import OnnxEngine
from inference.engines.select import Choice, open_engine
from inference.engines.torch import TorchEngine
from inference.predict import DEFAULT_MODEL
from tests.inference.network.test_astromae import TINY, inputs, scrambled


def test_another_onnx_model_is_refused(tmp_path: Path) -> None:
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["B"]) for name in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])], "other", values[:1], values[1:]
    )
    versions = [onnx.helper.make_opsetid("", 20)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=versions, ir_version=10), tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=r"other\.onnx: is not a model that `cosmic-fmi export` wrote"):
        open_engine(tmp_path / "other.onnx")


def test_the_shipped_export_is_of_the_shipped_checkpoint() -> None:
    # When this fails: cosmic-fmi export inference/bundle/Fine_Tune_Model/*.safetensors
    ready = OnnxEngine(exported.exported_path(DEFAULT_MODEL), threads=1)
    assert ready.metadata[exported.SOURCE_KEY] == exported.fingerprint(DEFAULT_MODEL)
    assert exported.WEIGHTS_FINGERPRINT_KEY in ready.metadata
    bundle = DEFAULT_MODEL.parents[1]
    assert sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) < 10e6


def test_an_export_of_another_checkpoint_is_not_used(tiny: Path, tmp_path: Path) -> None:
    for path in tiny.parent.glob("tiny.*"):
        shutil.copy(path, tmp_path)
    other = tmp_path / "tiny.safetensors"
    model = scrambled(TINY)
    with torch.no_grad():
        model.get_parameter("concat_block.2.bias").add_(1.0)
    checkpoint.save(model, other, {})
    image, magnitude = (tensor.numpy() for tensor in inputs(3))
    before, after = (open_engine(path, Choice(engine="onnx"))(image, magnitude) for path in (tiny, other))
    np.testing.assert_allclose(after, before + 1.0, atol=1e-5)


def test_weights_of_another_export_are_not_used(tiny: Path, tmp_path: Path) -> None:
    """Such as after a copy of the files that was cut off: both have the same length."""
    for path in tiny.parent.glob("tiny.*"):
        shutil.copy(path, tmp_path)
    other = tmp_path / "other.safetensors"
    model = scrambled(TINY)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.3)
    checkpoint.save(model, other, {})
    export(other)
    swapped = exported.exported_path(tmp_path / tiny.name)
    shutil.copy(tmp_path / "other.onnx.data", tmp_path / f"{swapped.name}.data")
    with pytest.raises(ModelError, match=r"tiny\.onnx\.data: is of another model than .*tiny\.onnx: .* both"):
        open_engine(swapped)
    image, magnitude = (tensor.numpy() for tensor in inputs(3))
    before, after = (
        open_engine(path, Choice(engine="onnx"))(image, magnitude) for path in (tiny, tmp_path / tiny.name)
    )
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("damage", ["no weights", "empty"])
def test_a_damaged_export_is_no_fault_of_the_checkpoint(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    for path in tiny.parent.glob("tiny.*"):
        shutil.copy(path, tmp_path)
    if damage == "empty":
        (tmp_path / "tiny.onnx").write_bytes(b"")
    else:
        (tmp_path / "tiny.onnx.data").unlink()
    image, magnitude = (tensor.numpy() for tensor in inputs(3))
    found = open_engine(tmp_path / tiny.name, Choice(engine="onnx"))(image, magnitude)
    np.testing.assert_array_equal(found, open_engine(tiny, Choice(engine="onnx"))(image, magnitude))
    monkeypatch.setattr("inference.engines.select._installed", lambda package: package != "onnx")
    with pytest.raises(ModelError, match=r"no usable exported model beside it .* `cosmic-fmi export`"):
        open_engine(tmp_path / tiny.name, Choice(engine="onnx", threads=5))


def test_an_export_with_other_heads_is_used_only_where_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.save(scrambled(TINY), path, {})
    image, magnitude = (tensor.numpy() for tensor in inputs(30))
    export(path, heads=4)
    for heads in (None, 4):
        found, expected = (
            open_engine(path, Choice(engine=name, device="cpu", heads=heads))(image, magnitude)
            for name in ("onnx", "torch")
        )
        np.testing.assert_allclose(found, expected, atol=2e-6)
    with pytest.raises(
        ModelError, match=r"model\.onnx: was exported with 4 heads; --heads needs the checkpoint"
    ):
        open_engine(exported.exported_path(path), Choice(heads=2))


def test_auto_takes_torch_where_the_export_is_of_another_checkpoint(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as in a function, whose image has no `onnx` to make another."""
    shutil.copy(exported.exported_path(tiny), tmp_path)
    shutil.copy(tiny.with_suffix(".onnx.data"), tmp_path)
    checkpoint.save(scrambled(TINY), tmp_path / tiny.name, {"another": 1})
    monkeypatch.setattr("inference.engines.select._installed", lambda package: package != "onnx")
    monkeypatch.setattr(kernels, "built", lambda: False)
    assert open_engine(tmp_path / tiny.name, Choice(device="cpu")).name == "torch"
    with pytest.raises(ModelError, match="cosmic-fmi export"):
        open_engine(tmp_path / tiny.name, Choice(engine="onnx", device="cpu"))


def test_damaged_models_are_named(tiny: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"broken\.onnx") as caught:
        open_engine(broken)
    assert "\n" not in str(caught.value)
    alone = tmp_path / "alone.onnx"
    shutil.copy(exported.exported_path(tiny), alone)  # without its weights
    with pytest.raises(ModelError, match=r"alone\.onnx"):
        open_engine(alone)
    with pytest.raises(ModelError, match=r"nowhere\.onnx"):
        open_engine(tmp_path / "nowhere.onnx")


def test_the_export_command(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "scripts/export_model.py"]
    target = tmp_path / "folder" / "model.onnx"
    for _ in range(2):  # the second time over the first
        subprocess.run([*command, str(tiny), "--output", str(target)], check=True, timeout=60)
    image, magnitude = (tensor.numpy() for tensor in inputs(3))
    loaded = OnnxEngine(target, threads=1)
    plain = TorchEngine(checkpoint.load(tiny).model)
    np.testing.assert_allclose(loaded(image, magnitude), plain(image, magnitude), atol=1e-5)
    assert json.loads(loaded.metadata["config"]) == TINY.as_dict()
    weights = target.with_name("model.onnx.data")
    assert weights.stat().st_size < 2 * tiny.stat().st_size
    bad = subprocess.run(
        [*command, str(tmp_path / "nowhere.safetensors")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (bad.returncode, bad.stderr.count("\n")) == (1, 1)
