"""What is in the images and what is not."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from cosmic_fmi.experiment.targets.ports import free_port
from tests.cosmic_fmi.localcloud.conftest import wait_for
from tests.images.conftest import ROOT, docker

_RUN = ("run", "--rm", "--network", "host", "--read-only", "--cap-drop", "ALL", "--entrypoint", "python")


def python(image: str, code: str, *options: str) -> str:
    """What a program prints in a container that can write nothing."""
    return docker(*_RUN, *options, image, "-c", code)


def test_executor_holds_the_pinned_packages_and_no_others(built: dict[str, str]) -> None:
    code = (
        "import json, importlib.metadata as m\n"
        "print(json.dumps({d.name.lower().replace('_', '-'): d.version for d in m.distributions()}))"
    )
    found = {
        name: version.split("+")[0] for name, version in json.loads(python(built["executor"], code)).items()
    }
    text = (ROOT / "containers" / "executor" / "requirements.txt").read_text()
    pinned = {
        name.lower().replace("_", "-"): version
        for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.M)
    }
    # For Pythons below 3.11.3 only.
    pinned.pop("async-timeout")
    found.pop("async-timeout", None)
    assert found == pinned


def test_neither_image_has_a_compiler_or_an_installer(built: dict[str, str]) -> None:
    names = ("cc", "gcc", "g++", "make", "cmake", "pip")
    code = f"import shutil; print([name for name in {names} if shutil.which(name)])"
    assert python(built["executor"], code) == "[]"
    code = "import pathlib; print([str(p) for p in pathlib.Path('/opt/venv').rglob('*.h')])"
    assert python(built["executor"], code) == "[]"


def test_neither_image_is_root(built: dict[str, str]) -> None:
    for image in built.values():
        assert python(image, "import os; print(os.getuid())") == "65534"


def test_images_carry_labels(built: dict[str, str]) -> None:
    for name, image in built.items():
        labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", image))
        assert labels["org.opencontainers.image.title"] == f"cosmic-{name}"
        assert labels["org.opencontainers.image.licenses"] == "MIT"


@pytest.mark.parametrize(("name", "suffix"), [("native", "safetensors"), ("onnx", "onnx")])
def test_engines_predict_without_torch_and_the_redis_channel_loads(
    built: dict[str, str], name: str, suffix: str
) -> None:
    code = (
        "import sys, numpy\n"
        "from pathlib import Path\n"
        "from inference.engines.select import Choice, open_engine\n"
        "import fmi.channels.storage.redis_store, redis\n"
        f"engine = open_engine(Path('/model/astromae-small.{suffix}'), Choice({name!r}))\n"
        "z = engine(numpy.zeros((2, 5, 32, 32), 'f4'), numpy.zeros((2, 5)))\n"
        "print(z.shape[0], 'torch' in sys.modules)"
    )
    model = ROOT / "inference" / "bundle" / "Fine_Tune_Model"
    assert python(built["executor"], code, "--volume", f"{model}:/model:ro") == "2 False"


def test_torch_works(built: dict[str, str]) -> None:
    code = (
        "import torch\n"
        "layer = torch.nn.Conv2d(5, 8, 3)\n"
        "print(tuple(layer(torch.zeros(1, 5, 32, 32)).shape), torch.cuda.is_available())"
    )
    assert python(built["executor"], code) == "(1, 8, 30, 30) False"


def test_everything_is_compiled_already(built: dict[str, str]) -> None:
    code = (
        "import pathlib, importlib.util as u\n"
        "print([str(p) for p in pathlib.Path('/var/task').rglob('*.py')"
        " if not pathlib.Path(u.cache_from_source(str(p))).exists()])"
    )
    assert python(built["executor"], code) == "[]"


def test_rendezvous_container_becomes_healthy_and_stops_when_told(built: dict[str, str]) -> None:
    port = free_port()
    container = docker(
        "run", "--detach", "--network", "host", "--read-only", "--health-interval", "1s",
        "--env", f"PORT={port}", "--env", f"METRICS_PORT={port + 1}", built["rendezvous"],
    )  # fmt: skip
    try:
        status = ("inspect", "--format", "{{.State.Health.Status}}", container)
        wait_for(lambda: docker(*status) == "healthy", "the health check", seconds=60)
        docker("stop", "--time", "10", container)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
    finally:
        docker("rm", "--force", container)


def test_sources_are_the_working_tree_s(built: dict[str, str]) -> None:
    code = (
        "import hashlib, pathlib\n"
        "print(hashlib.sha256(pathlib.Path('fmi/protocol/tcpunch.py').read_bytes()).hexdigest())"
    )
    expected = subprocess.run(
        ["sha256sum", str(ROOT / "fmi" / "protocol" / "tcpunch.py")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    for image in built.values():
        assert python(image, code) == expected
