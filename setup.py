"""What pyproject.toml cannot say: the inference kernels in C, left out where there is no compiler."""

from hashlib import sha256
from pathlib import Path

from setuptools import Extension, setup

# inference/engines/kernels/__init__.py computes the same of the sources beside it, and knows a library of
# other ones.
KERNELS = sorted(Path("inference/engines/kernels").glob("*.[ch]"))
SOURCES = sha256(b"".join(path.read_bytes() for path in KERNELS)).hexdigest()

setup(
    ext_modules=[
        Extension(
            "inference.engines.kernels._astromae",
            sources=["inference/engines/kernels/astromae.c"],
            depends=[str(path) for path in KERNELS if path.suffix == ".h"],
            define_macros=[("SOURCES", f'"{SOURCES}"')],
            extra_compile_args=["-O3", "-fno-math-errno", "-fvisibility=hidden"],
            optional=True,
        )
    ]
)
