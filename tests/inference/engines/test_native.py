"""The native engine: what only it can get wrong, and what it says when it cannot be used."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.checkpoints import checkpoint
from inference.core.config import SMALL, ModelConfig, ModelError
from inference.engines import kernels
from inference.engines.native import NativeEngine
from inference.engines.select import Choice, open_engine
from inference.network.architecture import ALIASES
from inference.network.astromae import AstroMAE
from tests.inference.network.test_astromae import TINY, inputs, scrambled
from tests.inference.support.native import needs_kernels

NATIVE = Choice("native", "cpu", threads=2)


def engine_of(model: AstroMAE, threads: int = 2) -> NativeEngine:
    return NativeEngine(model.config, {k: v.numpy() for k, v in model.state_dict().items()}, threads)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    checkpoint.save(scrambled(TINY), path, {})
    return path


@needs_kernels
@pytest.mark.parametrize(
    "config", [ModelConfig(), SMALL, replace(TINY, patch=2)], ids=["full", "small", "257"]
)
@settings(max_examples=5)
@given(count=st.integers(0, 140), threads=st.integers(1, 3))
def test_a_galaxy_gets_the_same_redshift_in_whatever_company(
    config: ModelConfig, count: int, threads: int
) -> None:
    ready = engine_of(scrambled(replace(config, depth=1)), threads)
    image, magnitude = (tensor.numpy() for tensor in inputs(140))
    alone = np.concatenate([ready(image[[at]], magnitude[[at]]) for at in (0, count // 2, max(count - 1, 0))])
    together = ready(image[:count], magnitude[:count])
    assert together.shape == (count,)
    if count:
        np.testing.assert_array_equal(together[[0, count // 2, count - 1]], alone)


@needs_kernels
def test_calls_at_the_same_time_do_not_disturb_each_other(tiny: Path) -> None:
    ready = open_engine(tiny, NATIVE)
    batches = [tuple(tensor.numpy() for tensor in inputs(40, seed)) for seed in range(8)]
    one_by_one = [ready(*batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda batch: ready(*batch), batches * 3))
    np.testing.assert_array_equal(at_once, one_by_one * 3)


@needs_kernels
@pytest.mark.parametrize("pixel", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_gets_no_redshift_and_harms_no_other(tiny: Path, pixel: float) -> None:
    ready = open_engine(tiny, NATIVE)
    image, magnitude = (tensor.numpy() for tensor in inputs(30))
    sound = ready(image, magnitude)
    image[7, 2, 5, 5] = pixel
    magnitude[19, 3] = pixel
    found = ready(image, magnitude)
    plain = scrambled(TINY)([torch.from_numpy(image), torch.from_numpy(magnitude)])[:, 0].detach().numpy()
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(plain))
    others = np.setdiff1d(np.arange(30), [7, 19])
    np.testing.assert_array_equal(found[others], sound[others])


@needs_kernels
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e3, 1e6, 1e12])
def test_extreme_pixels_get_what_the_plain_network_says(tiny: Path, scale: float) -> None:
    ready = open_engine(tiny, NATIVE)
    image, magnitude = inputs(6)
    image *= scale
    with torch.inference_mode():
        plain = scrambled(TINY)([image, magnitude])[:, 0].numpy()
    np.testing.assert_allclose(ready(image.numpy(), magnitude.numpy()), plain, rtol=1e-4, atol=2e-6)


@needs_kernels
@pytest.mark.parametrize(
    ("images", "magnitudes"),
    [((8, 5, 64, 64), (8, 5)), ((8, 3, 32, 32), (8, 5)), ((8, 5, 32, 32), (8, 3)), ((8, 5, 32, 32), (8,))],
)
def test_what_the_kernels_would_misread_is_refused(
    tiny: Path, images: tuple[int, ...], magnitudes: tuple[int, ...]
) -> None:
    ready = open_engine(tiny, NATIVE)
    with pytest.raises(ValueError, match=r"takes images \[N, 5, 32, 32\] and magnitudes \[N, 5\], not "):
        ready(np.ones(images, np.float32), np.ones(magnitudes))


@needs_kernels
def test_weights_that_numpy_cannot_hold_are_left_to_others(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    checkpoint.save(scrambled(TINY).to(torch.bfloat16), path, {})
    # In a process of its own: a library that exporting needs teaches NumPy bfloat16.
    code = (
        "import sys; from pathlib import Path; from inference.engines.select import *\n"
        "try: open_engine(Path(sys.argv[1]), Choice('native'))\n"
        "except ModelError as error: print(error)\n"
        "print(open_engine(Path(sys.argv[1]), Choice('auto', 'cpu')).name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=True
    )
    refused, name = done.stdout.splitlines()
    assert refused.startswith(f"{path}: ")
    assert "a precision that NumPy does not know" in refused
    assert refused.endswith("Use --engine onnx or torch.")
    assert name == "onnx"


@needs_kernels
def test_another_kernel_is_left_to_others(tmp_path: Path) -> None:
    path = tmp_path / "wide.safetensors"
    checkpoint.save(scrambled(replace(TINY, kernel=3)), path, {})
    with pytest.raises(ModelError, match=r"wide\.safetensors: .* kernel 1, .* is 3: use --engine onnx"):
        open_engine(path, NATIVE)
    assert open_engine(path, Choice(device="cpu")).name == "onnx"


@needs_kernels
@pytest.mark.parametrize(
    ("processor", "name"),
    [
        (kernels.Processor.MEASURED, "native"),
        (kernels.Processor.NOT_MEASURED, "onnx"),
        (kernels.Processor.TOO_OLD, "onnx"),
    ],
)
def test_auto_goes_by_what_was_measured(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, processor: kernels.Processor, name: str
) -> None:
    monkeypatch.setattr(kernels, "processor", lambda: processor)
    # Engines are kept, so each case asks for something else.
    assert open_engine(tiny, Choice(device="cpu", threads=3 + processor)).name == name
    if processor is kernels.Processor.TOO_OLD:
        with pytest.raises(ModelError, match="needs a processor with AVX2"):
            open_engine(tiny, NATIVE)


def test_without_a_compiler_onnxruntime_computes(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "LIBRARY", tmp_path / "nothing.so")
    assert open_engine(tiny, Choice(device="cpu", threads=7)).name == "onnx"
    with pytest.raises(ModelError, match="install a C compiler"):
        open_engine(tiny, Choice("native", "cpu", threads=7))


def test_kernels_of_another_system_are_left_alone(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "_astromae.so"
    library.write_bytes(b"not of this machine")
    monkeypatch.setattr(kernels, "LIBRARY", library)
    kernels._library.cache_clear()
    assert open_engine(tiny, Choice(device="cpu", threads=8)).name == "onnx"
    with pytest.raises(ModelError, match=r"_astromae\.so: cannot be loaded .* compiles it again"):
        open_engine(tiny, Choice("native", "cpu", threads=8))


@needs_kernels
@pytest.mark.parametrize("changed", [False, True])
def test_kernels_of_other_sources_are_left_alone(tiny: Path, tmp_path: Path, changed: bool) -> None:
    """Such as after a `git pull`, before anything is compiled again."""
    package = Path(kernels.__file__).parents[2]
    shutil.copytree(package, tmp_path / "inference", ignore=shutil.ignore_patterns("__pycache__"))
    if changed:
        with (tmp_path / "inference" / "engines" / "kernels" / "vector.h").open("a") as source:
            source.write("/* changed */\n")
    code = (
        "import sys; from pathlib import Path; from inference.engines.select import *\n"
        "try: print(open_engine(Path(sys.argv[1]), Choice('native')).name)\n"
        "except ModelError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tiny],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=tmp_path,
    )
    said = "was compiled from other sources than those beside it; pip install -e . compiles it again.\n"
    assert done.stdout.endswith(said if changed else "native\n")


@needs_kernels
@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no", "not a readable safetensors file"), (None, "missing: head.bias"), ("heads", "give --heads")],
)
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes | str | None, message: str) -> None:
    path = tmp_path / "broken.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        from safetensors.torch import save_file

        weights = {k: v.contiguous() for k, v in scrambled(TINY).state_dict().items()}
        weights = {k: v for k, v in weights.items() if k not in ALIASES and k != "head.bias"}
        save_file(weights, path, {} if content else {"heads": "2"})
    with pytest.raises(ModelError, match=rf"broken\.safetensors: .*{message}") as caught:
        open_engine(path, NATIVE)
    assert "\n" not in str(caught.value)
