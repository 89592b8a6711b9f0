"""Whether the tests of the native engine can run: it is compiled where there is a C compiler."""

import os

import pytest

from inference.engines import kernels

REQUIRED = "COSMIC_REQUIRE_KERNELS"

needs_kernels = pytest.mark.skipif(
    not kernels.built() and not os.environ.get(REQUIRED),
    reason="the native engine is not compiled: install a C compiler, then pip install -e .",
)
NATIVE = pytest.param("native", marks=needs_kernels)
