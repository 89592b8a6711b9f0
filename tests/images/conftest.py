"""Real images in a real Docker engine: `.ci/images` (make test-images) makes both available."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cosmic_fmi.experiment.targets import images
from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS, ROLE, Function, Json, client, create_role

ROOT = Path(__file__).parents[2]


def docker(*arguments: str, check: bool = True, **options: Json) -> str:
    """What a docker command prints."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=240, **options
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout).strip()


def containers_of(cloud: EmbeddedAWS) -> list[str]:
    """Ids of the containers of an embedded AWS, ended ones too."""
    label = f"label=org.cosmic-fmi.localcloud={cloud.state_dir}"
    return docker("ps", "--all", "--quiet", "--filter", label).split()


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    """Skip where nobody promised an engine."""
    if not os.environ.get("COSMIC_REQUIRE_DOCKER"):
        pytest.skip("needs a Docker engine and builds images: run by `make test-images`")


@pytest.fixture(scope="session")
def built(_engine: None) -> dict[str, str]:
    """Ids of both images, which .ci/images has built before, so that nothing is left to do."""
    return {name: f"sha256:{digest}" for name, digest in images.build(ROOT, lambda _: None).items()}


@pytest.fixture(scope="session")
def function_image(built: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The executor image with the handlers that the tests of localcloud deploy."""
    folder = tmp_path_factory.mktemp("functions")
    for file in FUNCTIONS.glob("*.py"):
        (folder / file.name).write_bytes(file.read_bytes())
    docker("tag", built["executor"], "cosmic-test-base")
    (folder / "Dockerfile").write_text("FROM cosmic-test-base\nCOPY *.py /var/task/\n")
    docker(
        "build",
        "--quiet",
        "--tag",
        "cosmic-test-functions",
        str(folder),
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
    )
    return "cosmic-test-functions"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[EmbeddedAWS]:
    """An embedded AWS of this test's own, whose functions and tasks are containers."""
    with EmbeddedAWS(tmp_path / "state", ROOT, concurrency=20, runtime="container") as running:
        create_role(running)
        yield running


@pytest.fixture
def deploy(cloud: EmbeddedAWS, function_image: str) -> Callable[..., Function]:
    """Deploys a handler under its own name."""

    def create(handler: str, **configuration: Json) -> Function:
        name = handler.replace(".", "-")
        client(cloud, "lambda").create_function(
            FunctionName=name,
            Role=ROLE,
            PackageType="Image",
            Code={"ImageUri": configuration.pop("image", function_image)},
            ImageConfig={"Command": [handler]},
            **{"Timeout": 20, "MemorySize": 256, **configuration},
        )
        return Function(cloud, name)

    return create
