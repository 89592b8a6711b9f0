"""What is true of fmi's modules and classes as a whole: no import cycles, and no towers of base classes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from abc import ABC
from typing import Generic, Protocol

import grimp

import fmi
import fmi.comm

MOST_BASES = 2
ABSTRACT = (object, ABC, Generic, Protocol)


def test_no_imports_go_in_circles() -> None:
    """Those inside functions and those for types alone count, too."""
    graph = grimp.build_graph("fmi", exclude_type_checking_imports=False, cache_dir=None)
    circles = [
        chain
        for module in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(module))
        if (chain := graph.find_shortest_chain(imported, module))
    ]
    assert circles == []


def test_no_class_of_the_interface_has_more_than_two_bases() -> None:
    modules = [
        importlib.import_module(f"fmi.comm.{each.name}") for each in pkgutil.iter_modules(fmi.comm.__path__)
    ]
    classes = {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__
    }
    towers = {
        each: bases
        for each in classes
        if len(bases := [base for base in each.__mro__[1:] if base not in ABSTRACT]) > MOST_BASES
    }
    assert towers == {}


def test_the_communicator_shows_and_explains_every_method() -> None:
    shown = vars(fmi.Communicator)
    public = {name for name in dir(fmi.Communicator) if not name.startswith("_")}
    assert public <= shown.keys()
    assert {name for name in public if not shown[name].__doc__} == set()
