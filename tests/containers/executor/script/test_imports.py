"""Only imports that certainly happen count."""

from __future__ import annotations

import pytest

from containers.executor.script.imports import Import, certain_imports, parse

SOURCE = """
import torch, numpy.linalg as la
from timm.models import create_model
from . import sibling
from ..above import thing
import sys; import json
with open("x") as f:
    import within
class Model:
    import in_class
try:
    import scipy
except OSError:
    import handler
finally:
    import finally_
"""
NOT_CERTAIN = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import a
if sys.platform == "win32":
    import b
else:
    import b2
def f():
    import c
async def g(): import c2
x = lambda: __import__("c3")
try:
    import d
except ImportError:
    import d2
try:
    import e
except (OSError, ModuleNotFoundError):
    e = None
try:
    import f
except Exception:
    pass
try:
    import g
except:
    pass
"""


def names(source: str, is_main: bool = False) -> list[str]:
    return [one.module for one in certain_imports(parse(source.encode()), is_main)]


def test_certain() -> None:
    assert certain_imports(parse(SOURCE.encode()), is_main=True)[:5] == [
        Import("torch"),
        Import("numpy.linalg"),
        Import("timm.models", ("create_model",)),
        Import("", ("sibling",), 1),
        Import("above", ("thing",), 2),
    ]
    assert names(SOURCE)[5:] == ["sys", "json", "within", "in_class", "scipy", "finally_"]
    assert Import("numpy.linalg").top == "numpy"


def test_what_may_never_happen_or_is_caught() -> None:
    assert names(NOT_CERTAIN) == ["typing"]


@pytest.mark.parametrize("test", ["__name__ == '__main__'", '"__main__" == __name__'])
def test_the_main_part_is_the_scripts(test: str) -> None:
    source = f"if {test}:\n    import a\nelse:\n    import b"
    assert (names(source, is_main=True), names(source)) == (["a"], [])


@pytest.mark.parametrize(
    "source",
    [b"print 'hello'", b"\0", b"\xff\xfe", b"(" * 3000, b"# coding: no-such\n", b"-" * 99_999 + b"1"],
)
def test_what_is_not_python(source: bytes) -> None:
    with pytest.raises(SyntaxError):
        parse(source)


def test_dubious_python_is_python() -> None:
    assert certain_imports(parse(b"import a\nx = '\\d' is 'y'"), is_main=True) == [Import("a")]
