"""terraform/modules/image against a real registry: build, push, and again only when the content changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmic_fmi.experiment.targets.ports import free_port
from cosmic_fmi.experiment.targets.terraform_mirrors import cli_environment
from tests.cosmic_fmi.localcloud.conftest import wait_for
from tests.images.conftest import ROOT, docker
from tests.terraform.support.workspace import terraform_test

_ROOT_MODULE = """
variable "repository_url" { type = string }
variable "root" { type = string }
variable "build_args" { type = map(string) }

module "image" {
  source         = "%s/terraform/modules/image"
  name           = "rendezvous"
  root           = var.root
  repository_url = var.repository_url
  region         = "us-east-1"
  architecture   = "x86_64"
  builder        = "docker"
  build_args     = var.build_args
}

output "tag" { value = module.image.tag }
output "files" { value = module.image.files }
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a registry that runs for these tests."""
    program = shutil.which("docker-registry") or shutil.which("registry")
    if program is None:
        pytest.skip("needs the Debian package docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "version": 0.1,
        "http": {"addr": address},
        "storage": {"filesystem": {"rootdirectory": str(folder)}},
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log) as process,
    ):
        wait_for(lambda: _get(f"http://{address}/v2/") is not None, "the registry", seconds=30)
        yield address
        process.terminate()


class Deployment:
    """A copy of the working tree's image sources, deployed with Terraform to a registry."""

    def __init__(self, folder: Path, registry: str) -> None:
        self.tree = folder / "tree"
        for name in ("containers", "fmi"):
            shutil.copytree(ROOT / name, self.tree / name)
        self.registry = registry
        work = folder / "work"
        work.mkdir()
        (work / "main.tf").write_text(_ROOT_MODULE % ROOT)
        arguments = dict(
            argument.split("=", 1) for argument in os.environ.get("COSMIC_BUILD_ARGS", "").split()
        )
        base = {name: value for name, value in arguments.items() if name == "BASE_IMAGE"}
        (work / "terraform.tfvars.json").write_text(
            json.dumps(
                {"repository_url": f"{registry}/x/rendezvous", "root": str(self.tree), "build_args": base}
            )
        )
        environment = cli_environment(os.environ, folder / "cli") | {"CHECKPOINT_DISABLE": "1"}
        self._terraform = terraform_test(work, environment)
        self._terraform.init()

    def apply(self) -> str:
        """Apply and say what Terraform says."""
        said: str = self._terraform.apply()
        return said

    def output(self, name: str) -> object:
        """One of the outputs."""
        value: object = self._terraform.output()[name]
        return value

    def manifest(self, tag: object) -> bytes | None:
        """The image's manifest in the registry; None where there is none."""
        return _get(f"http://{self.registry}/v2/x/rendezvous/manifests/{tag}")


@pytest.fixture(scope="module")
def deployment(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    made = Deployment(tmp_path_factory.mktemp("deployment"), registry)
    made.apply()
    return made


def test_image_is_pushed_as_one_that_lambda_takes(deployment: Deployment) -> None:
    manifest = deployment.manifest(deployment.output("tag"))
    assert manifest is not None
    kind = json.loads(manifest)["mediaType"]
    assert kind in (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
    )  # not an index, which Lambda refuses


def test_nothing_happens_again_until_the_content_changes(deployment: Deployment) -> None:
    first = deployment.output("tag")
    (deployment.tree / "fmi" / "ring.py").write_text("# not in this image\n")
    (deployment.tree / "containers" / "rendezvous" / "__pycache__").mkdir(exist_ok=True)
    (deployment.tree / "containers" / "rendezvous" / "__pycache__" / "x.pyc").write_text("left out")
    assert "0 added, 0 changed, 0 destroyed" in deployment.apply()
    source = deployment.tree / "containers" / "rendezvous" / "server.py"
    before = source.read_text()
    source.write_text(before + "\n# changed\n")
    assert "1 added, 0 changed, 1 destroyed" in deployment.apply()
    second = deployment.output("tag")
    assert second != first
    assert deployment.manifest(second) != deployment.manifest(first)
    source.write_text(before)
    assert "is there already" in deployment.apply()  # so nothing is built, and no tag written twice
    assert deployment.output("tag") == first


@pytest.mark.parametrize("name", ["executor", "rendezvous"])
def test_terraform_sees_exactly_what_docker_sends(name: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("containers", "cosmic_fmi", "fmi", "fmilib", "inference"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (tree / "fmi" / "deep" / "__pycache__").mkdir(parents=True)
    for path in ("fmi/deep/__pycache__/a.pyc", "fmi/deep/data.json", "other.txt", ".env"):
        (tree / path).write_text("x")
    (tree / "containers" / name / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    archive = tmp_path / "context.tar"
    docker(
        "build", "--file", f"containers/{name}/Dockerfile", "--output", f"type=tar,dest={archive}", ".",
        cwd=tree, env={**os.environ, "DOCKER_BUILDKIT": "1"},
    )  # fmt: skip
    with tarfile.open(archive) as opened:
        sent = sorted(member.name for member in opened if member.isfile())
    code = f"""
module "image" {{
  source         = "{ROOT}/terraform/modules/image"
  name           = "{name}"
  root           = "{tree}"
  repository_url = "x"
  region         = "x"
  architecture   = "x86_64"
  builder        = "docker"
  build_args     = {{}}
}}
output "files" {{ value = module.image.files }}
"""
    work = tmp_path / "work"
    work.mkdir()
    (work / "main.tf").write_text(code)
    terraform = terraform_test(work, cli_environment(os.environ, tmp_path / "cli"))
    terraform.init()
    assert terraform.plan(output=True).outputs["files"] == sent


def test_no_engine_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / "terraform" / "modules" / "image" / "build_with_docker.sh")],
        env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/nothing.sock"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert 'start Docker, or set image_builder to "codebuild" or "prebuilt"' in done.stderr


def _get(url: str) -> bytes | None:
    kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    request = urllib.request.Request(url, headers={"Accept": kinds})  # noqa: S310 - the local registry
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            return bytes(response.read())
    except (urllib.error.URLError, ConnectionError):
        return None
