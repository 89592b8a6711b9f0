"""The container images for the embedded AWS, built from the working tree by this machine's Docker engine."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

from cosmic_fmi.experiment.errors import TargetError

NAMES = ("executor", "rendezvous")
_REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/cosmic"
_TAIL_LINES = 20


def uris(digests: dict[str, str]) -> dict[str, str]:
    """The images' URIs on the embedded AWS, for ``digests`` of 64 hexadecimal digits by image.

    There is nothing in that registry: the digest names the code, or the image in the engine.
    """
    return {name: f"{_REGISTRY}/{name}@sha256:{digest}" for name, digest in digests.items()}


def build(repository: Path, note: Callable[[str], None]) -> dict[str, str]:
    """Build both images and give their ids, 64 hexadecimal digits by image; seconds when nothing changed.

    ``note`` is told what is being done. The environment variable COSMIC_BUILD_ARGS may hold arguments of the
    Dockerfiles, as ``NAME=value`` separated by spaces; DOCKER_BUILD_OPTIONS options of ``docker build``.
    Raises :class:`TargetError` with the engine's last lines.
    """
    return {name: _build_one(repository, name, note) for name in NAMES}


def _build_one(repository: Path, name: str, note: Callable[[str], None]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "id"
        command = ["docker", "build", "--progress", "plain", "--iidfile", str(written)]
        command += ["--file", f"containers/{name}/Dockerfile", "--tag", f"cosmic-{name}"]
        command += os.environ.get("DOCKER_BUILD_OPTIONS", "").split()
        for argument in os.environ.get("COSMIC_BUILD_ARGS", "").split():
            command += ["--build-arg", argument]
        _run([*command, "."], repository, lambda line: note(f"{name}: {line}"))
        return written.read_text().strip().removeprefix("sha256:")


def _run(command: list[str], folder: Path, note: Callable[[str], None]) -> None:
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    try:
        with subprocess.Popen(
            command,
            cwd=folder,
            # The classic builder, the default before Docker 23, does not read Dockerfile.dockerignore.
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                assert process.stdout is not None  # noqa: S101 - for the type checker: stdout=PIPE
                for line in process.stdout:
                    if line.strip():
                        tail.append(line.rstrip())
                        note(line.strip()[:100])
            except BaseException:
                process.terminate()  # the engine ends the build with its client
                raise
    except FileNotFoundError as error:
        raise TargetError(
            "there is no docker on the PATH: install Docker (https://docs.docker.com/get-docker/), "
            "or leave --containers out"
        ) from error
    if process.returncode:
        raise TargetError("the image was not built: " + "\n".join(tail) + _hint("\n".join(tail)))


def _hint(said: str) -> str:
    """What to do about an error that does not say so."""
    if "public.ecr.aws" in said and "403" in said:
        return "\nAn old login at public.ecr.aws has expired: docker logout public.ecr.aws"
    return ""


def megabytes(digest: str) -> float:
    """Size of an image in the engine, unpacked, in MB of 10⁶ bytes."""
    command = ["docker", "image", "inspect", "--format", "{{.Size}}", f"sha256:{digest}"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1e6
