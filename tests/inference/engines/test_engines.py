"""Every engine predicts what the plain network predicts, and the right one is chosen."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from inference.checkpoints import checkpoint, exported
from inference.core.config import SMALL, ModelConfig, ModelError
from inference.core.galaxies import Galaxies
from inference.engines import base as engine
from inference.engines import kernels
from inference.engines.onnx import OnnxEngine
from inference.engines.select import Choice, open_engine
from inference.network.astromae import AstroMAE
from inference.predict import DEFAULT_MODEL
from tests.inference.network.test_astromae import TINY, inputs, scrambled
from tests.inference.support.native import NATIVE

TOLERANCE = 2e-6
"""What docs/inference.md promises, in redshift."""
CONFIGS = [ModelConfig(), replace(ModelConfig(), kernel=3, heads=6), SMALL, replace(TINY, kernel=3)]


def plain_and_exact(
    model: AstroMAE, image: torch.Tensor, magnitude: torch.Tensor
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """What the plain network says in single and in double precision."""
    double = AstroMAE(model.config).double().eval()
    double.load_state_dict(model.state_dict())
    with torch.inference_mode():
        return model([image, magnitude])[:, 0].numpy(), double([image.double(), magnitude])[:, 0].numpy()


@pytest.fixture(scope="module", params=CONFIGS, ids=["full", "full, kernel 3", "small", "tiny, kernel 3"])
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[AstroMAE, Path]:
    model = scrambled(request.param)
    path = tmp_path_factory.mktemp("network") / "model.safetensors"
    checkpoint.save(model, path, {})
    return model, path


@pytest.mark.parametrize("name", [NATIVE, "onnx", "torch"])
def test_an_engine_predicts_what_the_plain_network_predicts(
    network: tuple[AstroMAE, Path], name: str
) -> None:
    model, path = network
    if name == "native" and model.config.kernel != 1:
        with pytest.raises(ModelError, match="is for convolution kernel 1"):
            open_engine(path, Choice(engine=name, device="cpu"))
        return
    ready = open_engine(path, Choice(engine=name, device="cpu", threads=2))
    image, magnitude = inputs(70)
    found = ready(image.numpy(), magnitude.numpy())
    assert (ready.name, ready.device, ready.precision, found.shape) == (name, "cpu", "fp32", (70,))
    plain, exact = plain_and_exact(model, image, magnitude)
    assert np.abs(found - plain).max() < TOLERANCE
    # An untrained network says almost the same of everything, so what it does say apart counts too.
    assert np.abs(found - exact).max() < 1e-3 * np.std(exact)


@st.composite
def odd_networks(draw: st.DrawFn) -> ModelConfig:
    """Small networks of any proportions."""
    heads, width = draw(st.sampled_from([(1, 4), (2, 24), (3, 36), (6, 48), (4, 112)]))
    hidden = draw(st.sampled_from([width // 2, width, 2 * width + 4, 4 * width]))
    return ModelConfig(
        patch=draw(st.sampled_from([4, 8, 16, 32])),
        width=width,
        depth=draw(st.integers(1, 3)),
        heads=heads,
        mlp_ratio=hidden / width,
        groups=draw(st.sampled_from([n for n in range(1, width + 1) if width % n == hidden % n == 0])),
        kernel=draw(st.sampled_from([1, 3, 5])),
        inception_width=draw(st.sampled_from([8, 24])),
        features=draw(st.integers(1, 16)),
        magnitude_width=draw(st.integers(1, 16)),
        fusion_width=draw(st.integers(1, 16)),
    )


@settings(max_examples=20)
@given(config=odd_networks())
def test_engines_are_exact_whatever_the_proportions(config: ModelConfig) -> None:
    model = scrambled(config)
    image, magnitude = inputs(9)
    _, exact = plain_and_exact(model, image, magnitude)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        checkpoint.save(model, path, {})
        assert checkpoint.load(path).model.config == config
        native = kernels.built() and config.kernel == 1
        for name in ("onnx", "torch", *["native"] * native):
            found = open_engine(path, Choice(engine=name, device="cpu", threads=1))
            assert np.abs(found(image.numpy(), magnitude.numpy()) - exact).max() < TOLERANCE


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("name", ["onnx", "torch"])
def test_weights_of_another_precision(tmp_path: Path, kind: torch.dtype, name: str) -> None:
    model = scrambled(TINY)
    weights = {
        key: tensor.to(kind) if tensor.is_floating_point() else tensor
        for key, tensor in model.state_dict().items()
    }
    torch.save(weights, tmp_path / "model.pt")
    found = open_engine(tmp_path / "model.pt", Choice(engine=name, device="cpu", threads=1, heads=2))
    model.load_state_dict(weights)
    image, magnitude = inputs(5)
    plain, _ = plain_and_exact(model, image, magnitude)
    np.testing.assert_allclose(found(image.numpy(), magnitude.numpy()), plain, atol=TOLERANCE)


@pytest.mark.parametrize("name", [NATIVE, "onnx", "torch"])
@pytest.mark.parametrize(
    ("other", "takes"), [({"image_size": 64}, "5 x 64 x 64"), ({"bands": 6}, "6 x 32 x 32")]
)
def test_a_network_for_other_images_is_refused(
    tmp_path: Path, other: dict[str, int], takes: str, name: str
) -> None:
    checkpoint.save(scrambled(replace(TINY, **other)), tmp_path / "model.safetensors", {})
    with pytest.raises(ModelError, match=rf"model\.safetensors: takes images of {takes}"):
        open_engine(tmp_path / "model.safetensors", Choice(engine=name, device="cpu"))


@pytest.mark.parametrize("name", [NATIVE, "onnx", "torch"])
@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (torch.full((16, 16), torch.nan), r"head\.weight is not finite, .*: use an earlier checkpoint"),
        (torch.ones((16, 16), dtype=torch.int8), r"head\.weight is int8 instead of floating point"),
    ],
)
def test_weights_that_are_no_numbers_are_refused(
    tmp_path: Path, weight: torch.Tensor, said: str, name: str
) -> None:
    """With them no galaxy has a redshift, and a run that says so only at its end was paid for."""
    path = tmp_path / "model.safetensors"
    checkpoint.save(scrambled(TINY), path, {})
    save_file({**load_file(path), "head.weight": weight}, path, {"heads": "2"})
    with pytest.raises(ModelError, match=rf"model\.safetensors: the weight {said}\.$"):
        open_engine(path, Choice(engine=name, device="cpu"))


@pytest.mark.parametrize("name", [NATIVE, "onnx", "torch"])
def test_the_shipped_network_says_the_same_of_galaxies(survey: Galaxies, name: str) -> None:
    model = checkpoint.load(DEFAULT_MODEL).model
    plain, exact = plain_and_exact(model, torch.from_numpy(survey.image), torch.from_numpy(survey.magnitude))
    found = open_engine(DEFAULT_MODEL, Choice(engine=name, device="cpu"))(survey.image, survey.magnitude)
    assert np.std(exact) > 0.05
    assert np.abs(found - plain).max() < TOLERANCE
    assert np.abs(found - exact).max() < TOLERANCE


@pytest.fixture(scope="module")
def ready(tiny: Path) -> OnnxEngine:
    return OnnxEngine(exported.exported_path(tiny), threads=3)


@given(count=st.integers(0, 130))
def test_galaxies_keep_their_order_in_every_batch(ready: OnnxEngine, count: int) -> None:
    image, magnitude = (tensor.numpy() for tensor in inputs(130))
    together = ready(image, magnitude)
    np.testing.assert_allclose(ready(image[:count], magnitude[:count]), together[:count], atol=1e-6)


@pytest.mark.parametrize("name", [NATIVE, "onnx"])
@pytest.mark.parametrize("magnitudes", [7, 9])
def test_magnitudes_of_other_galaxies_are_refused(tiny: Path, name: str, magnitudes: int) -> None:
    found = open_engine(tiny, Choice(engine=name, device="cpu", threads=2))
    with pytest.raises(ValueError, match=f"8 images and magnitudes of {magnitudes} galaxies"):
        found(np.ones((8, 5, 32, 32), np.float32), np.ones((magnitudes, 5)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process can fork here")
@pytest.mark.parametrize("name", [NATIVE, "onnx"])
def test_a_process_that_forks_has_a_working_engine(tiny: Path, name: str) -> None:
    """As with multiprocessing on Linux. In a process of its own, which has no other threads."""
    code = (
        "import os, signal; import numpy as np\n"
        "from pathlib import Path; from inference.engines.select import *\n"
        f"engine = open_engine(Path({str(tiny)!r}), Choice({name!r}, 'cpu', threads=2))\n"
        "batch = np.ones((8, 5, 32, 32), np.float32), np.ones((8, 5))\n"
        "before = engine(*batch)\n"
        "if child := os.fork():\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "else:\n"
        "    signal.alarm(60)\n"
        "    os._exit(not np.array_equal(engine(*batch), before))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout == "0\n"


def test_batches_are_counted_and_cover_all(ready: OnnxEngine, survey: Galaxies) -> None:
    whole = engine.predict(ready, survey[:100], 1000)
    parts = engine.predict(ready, survey[:100], 33)
    np.testing.assert_allclose(parts.redshift, whole.redshift, atol=1e-5)
    assert (whole.num_batches, parts.num_batches) == (1, 4)
    assert parts.bits == 100 * (5 * 32 * 32 * 32 + 5 * 64)


class Clockwork:
    """An engine that takes as long as it is told to; the clock is the test's."""

    name, device, precision, threads = "clockwork", "cpu", "fp32", 1

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float]) -> None:
        self.now, self.seconds = 0.0, seconds
        monkeypatch.setattr("inference.engines.base.time.perf_counter", lambda: self.now)

    def __call__(
        self, image: npt.NDArray[np.float32], magnitude: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float32]:
        assert len(image) == len(magnitude)
        self.now += self.seconds[len(image)]
        return np.zeros(len(image), np.float32)


@pytest.mark.parametrize(
    ("seconds", "count", "expected"),
    [
        ({32: 1.0, 64: 1.5, 128: 2.5, 256: 6.0}, 1024, 128),
        ({32: 1.0, 64: 2.0}, 1024, 32),
        ({32: 1.0, 64: 1.0}, 100, 64),
        ({10: 1.0}, 10, 32),
    ],
)
def test_the_fastest_batch_size_is_chosen_by_measuring(
    monkeypatch: pytest.MonkeyPatch,
    survey: Galaxies,
    seconds: dict[int, float],
    count: int,
    expected: int,
) -> None:
    assert engine.choose_batch_size(Clockwork(monkeypatch, seconds), survey[:count]) == expected


def test_a_model_is_loaded_once_until_it_changes(tiny: Path) -> None:
    first = open_engine(tiny, Choice(threads=1))
    assert open_engine(tiny, Choice(threads=1)) is first
    assert open_engine(tiny, Choice(threads=2)) is not first


def test_without_onnxruntime_torch_computes(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.select._installed", lambda package: package != "onnxruntime")
    monkeypatch.setattr(kernels, "built", lambda: False)
    assert open_engine(tiny, Choice(device="cpu", threads=4)).name == "torch"
    with pytest.raises(ModelError, match="onnxruntime is not installed"):
        open_engine(tiny, Choice(engine="onnx", threads=4))


@pytest.mark.parametrize("name", [NATIVE, "onnx"])
def test_an_engine_starts_without_torch(tiny: Path, name: str) -> None:
    code = (
        "import sys; from pathlib import Path; from inference.engines.select import *\n"
        f"engine = open_engine(Path({str(tiny)!r}), Choice({name!r}))\n"
        "print(engine.name, *sorted({'torch', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"{name}\n"


def test_no_telemetry_is_kept_or_sent(tiny: Path, tmp_path: Path) -> None:
    code = "from pathlib import Path; from inference.engines.select import *\n"
    code += f"open_engine(Path({str(tiny)!r}), Choice('onnx'))"
    quiet = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=quiet | home, timeout=60, check=True)
    assert not list(tmp_path.rglob("*onnxruntime*"))


@pytest.mark.parametrize(
    ("choice", "suffix", "message"),
    [
        (Choice(precision="bf16", device="cpu"), ".safetensors", "needs a CUDA device"),
        (Choice(engine="onnx", device="cuda"), ".safetensors", "--device cpu"),
        (Choice(device="cuda"), ".onnx", "--device cpu"),
        (Choice(engine="torch"), ".onnx", "needs the checkpoint"),
    ],
)
def test_impossible_choices_say_what_to_change(tiny: Path, choice: Choice, suffix: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_engine(tiny.with_suffix(suffix), choice)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a CUDA device")
def test_cuda_where_there_is_none(tiny: Path) -> None:
    with pytest.raises(ModelError, match="no CUDA device"):
        open_engine(tiny, Choice(device="cuda"))
