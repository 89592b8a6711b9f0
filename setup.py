"""What pyproject.toml cannot say: the inference kernels in C, left out where there is no compiler."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "inference.kernels._astromae",
            sources=["inference/kernels/astromae.c"],
            depends=[
                f"inference/kernels/{name}.h" for name in ("vector", "product", "transformer", "inception")
            ],
            extra_compile_args=["-O3", "-fno-math-errno", "-fvisibility=hidden"],
            optional=True,
        )
    ]
)
