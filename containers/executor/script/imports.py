"""Which modules a source file imports unconditionally, found without running it.

Imports inside a function, or under a condition (``if TYPE_CHECKING:``, a platform), may never happen, and a
failure inside ``try`` may be handled. All of these are left out. ``if __name__ == "__main__":`` holds for the
script.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

_CAUGHT = ("ImportError", "ModuleNotFoundError", "Exception", "BaseException")


@dataclass(frozen=True)
class Import:
    """``import module``, or with names ``from module import names``. ``level`` counts the dots before it."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0

    @property
    def top(self) -> str:
        """The module or package to look for."""
        return self.module.partition(".")[0]


def parse(source: bytes) -> ast.Module:
    """Parse a source file. Raises SyntaxError when it is not Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as those about escapes
        try:
            return ast.parse(source)
        except (ValueError, RecursionError, MemoryError) as error:  # NUL bytes, or nested too deeply
            raise SyntaxError(str(error)) from None


def certain_imports(tree: ast.Module, is_main: bool) -> list[Import]:
    """What a file imports whenever it is imported or, with ``is_main``, run."""
    return [found for statement in tree.body for found in _of(statement, is_main)]


def _of(statement: ast.stmt, is_main: bool) -> Iterator[Import]:
    if isinstance(statement, ast.Import):
        yield from (Import(alias.name) for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        names = tuple(alias.name for alias in statement.names)
        yield Import(statement.module or "", names, statement.level)
    else:
        for inner in _certainly_run(statement, is_main):
            yield from _of(inner, is_main)


def _certainly_run(statement: ast.stmt, is_main: bool) -> list[ast.stmt]:
    """The statements inside this one that run whenever it does, or nearly."""
    if isinstance(statement, ast.ClassDef | ast.With):
        return statement.body
    if isinstance(statement, ast.If):
        return statement.body if is_main and _asks_for_main(statement.test) else []
    if isinstance(statement, ast.Try | ast.TryStar):
        caught = any(_catches_import_error(handler) for handler in statement.handlers)
        return [*([] if caught else [*statement.body, *statement.orelse]), *statement.finalbody]
    return []


def _asks_for_main(test: ast.expr) -> bool:
    return ast.unparse(test).replace('"', "'") in ("__name__ == '__main__'", "'__main__' == __name__")


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(one, ast.Name) and one.id in _CAUGHT for one in types)
