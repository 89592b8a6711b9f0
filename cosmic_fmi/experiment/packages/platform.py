"""What functions run on, as far as packages for them are concerned."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from cosmic_fmi.common.checkout import PACKAGES

IMAGE_PACKAGES = PACKAGES / "containers" / "executor" / "requirements.txt"
"""Everything that is installed in the executor's image (a test compares them)."""
IMAGE_PYTHON = "3.11.14"
"""Of the image's base; a package cannot depend on more than what 3.11 says, but for the last number."""
_GLIBC_MINOR = 36  # of the base, Debian 12
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_OLDER_NAMES = {"x86_64": ("2014", "2010", "1"), "arm64": ("2014",)}


@dataclass(frozen=True)
class FunctionPlatform:
    """Where functions run: in the image, or as processes of this machine.

    Attributes:
        name: for people.
        tags: platform tags of wheels that run there, the best first; empty for this interpreter's own.
        markers: the environment that requirements' markers are evaluated in; empty for this interpreter's.
        provided: versions of the distributions that are there already, by normalized name.
    """

    name: str
    tags: tuple[str, ...]
    markers: Mapping[str, str]
    provided: Mapping[str, str]

    @property
    def python(self) -> str:
        """Its version, such as ``3.11``: code that was pickled runs on no other."""
        return self.markers.get("python_version") or platform.python_version().rpartition(".")[0]


def of_image(architecture: str) -> FunctionPlatform:
    """The executor's image for ``x86_64`` or ``arm64``."""
    machine = _MACHINES[architecture]
    python = IMAGE_PYTHON.rpartition(".")[0]
    oldest = 5 if architecture == "x86_64" else 17
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC_MINOR, oldest - 1, -1)]
    tags += [f"manylinux{name}_{machine}" for name in _OLDER_NAMES[architecture]]
    markers = {
        "implementation_name": "cpython",
        "implementation_version": IMAGE_PYTHON,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": IMAGE_PYTHON,
        "python_version": python,
        "sys_platform": "linux",
    }
    return FunctionPlatform(
        f"Python {python} on Linux {machine}", (*tags, f"linux_{machine}"), markers, image_packages(markers)
    )


def of_this_machine() -> FunctionPlatform:
    """This interpreter, which runs functions where they are processes; of its packages, the image's."""
    provided = {}
    for name in image_packages({}):
        try:
            provided[name] = Version(importlib.metadata.version(name)).public
        except importlib.metadata.PackageNotFoundError:
            continue  # redis is an extra here
    version = platform.python_version().rpartition(".")[0]
    return FunctionPlatform(f"Python {version} on {platform.system()} {platform.machine()}", (), {}, provided)


def architecture_here() -> str:
    """Of the images that this machine's Docker engine builds: ``x86_64`` or ``arm64``."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def image_packages(markers: Mapping[str, str], path: Path = IMAGE_PACKAGES) -> dict[str, str]:
    """Versions of the image's distributions by normalized name, where the markers hold."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text:
            pinned = Requirement(text)
            if pinned.marker is None or pinned.marker.evaluate(dict(markers)):
                [only] = pinned.specifier
                found[canonicalize_name(pinned.name)] = only.version
    return found
