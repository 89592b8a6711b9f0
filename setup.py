"""What pyproject.toml cannot say: the libraries in C, each left out where there is no compiler."""

from hashlib import sha256
from pathlib import Path

from setuptools import Extension, setup


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


setup(
    ext_modules=[
        library("fmi.transport", "_core", "_core.c", "-std=c11"),
        library("inference.engines.kernels", "_astromae", "astromae.c", "-fno-math-errno"),
    ]
)
