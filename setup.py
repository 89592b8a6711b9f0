"""What pyproject.toml cannot say: the libraries in C, each left out where there is no compiler, and the files
outside the packages that a wheel needs.
"""

import shutil
from hashlib import sha256
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py


def library(package: str, name: str, source: str, *options: str) -> Extension:
    """A library from the C files of a package; fmi/compiled.py loads it, and knows one of other sources."""
    folder = Path(*package.split("."))
    files = sorted(folder.glob("*.[ch]"))
    checksum = sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    return Extension(
        f"{package}.{name}",
        sources=[str(folder / source)],
        depends=[str(path) for path in files if path.suffix == ".h"],
        define_macros=[("SOURCES", f'"{checksum}"')],
        extra_compile_args=["-O3", "-fvisibility=hidden", *options],
        optional=True,
    )


# cosmic_fmi/experiment/installed_project.py unpacks them. Patterns name what is the repository's: beside it
# in terraform/ are a user's settings and Terraform's state, which may hold secrets.
PROJECT = (
    "statemachine.asl.json",
    "terraform/*.tf",
    "terraform/README.md",
    "terraform/examples/**/*.tf*",
    "terraform/modules/**/*.md",
    "terraform/modules/**/*.py",
    "terraform/modules/**/*.sh",
    "terraform/modules/**/*.tf",
    "examples/**/*",
)
USERS_OWN = {Path("terraform/backend.tf")}


class BuildWithProject(build_py):
    """Python files as always, and copies of the project's others in cosmic_fmi/_project."""

    def run(self) -> None:
        """Leave nothing of an earlier build in the wheel; an editable installation needs no copies."""
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        for path in _project_files():
            target = Path(self.build_lib, "cosmic_fmi", "_project", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def _project_files() -> list[Path]:
    found = {path for pattern in PROJECT for path in Path().glob(pattern) if path.is_file()} - USERS_OWN
    return sorted(path for path in found if not any(part.startswith((".", "__")) for part in path.parts))


setup(
    cmdclass={"build_py": BuildWithProject},
    ext_modules=[
        library("fmi.transport", "_core", "_core.c", "-std=c11"),
        library("inference.engines.kernels", "_astromae", "astromae.c", "-fno-math-errno"),
    ],
)
