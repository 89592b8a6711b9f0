"""An unpickler that hashes nothing but texts and numbers.

Of nested tuples that refer to each other a few hundred bytes can stand for a value whose hash takes hours. So
the keys of dictionaries and the members of sets are looked at before they are hashed, wherever a pickle can
make them.
"""

import pickle
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

_PLAIN = (str, int, float, bytes, type(None))


def _plain(key: object) -> object:
    if not isinstance(key, _PLAIN):
        raise pickle.UnpicklingError(f"refused a {type(key).__name__} as a dictionary's key or in a set")
    return key


class GuardedDict(OrderedDict[Any, Any]):
    """A dictionary that looks at a key before it hashes it."""

    def __init__(self, items: Iterable[tuple[object, object]] = ()) -> None:
        super().__init__()
        for key, value in items:
            self[key] = value

    def __setitem__(self, key: object, value: object) -> None:
        super().__setitem__(_plain(key), value)


class GuardedSet(set[Any]):
    """A set that looks at what comes into it before it hashes it."""

    def __init__(self, items: Iterable[object] = ()) -> None:
        super().__init__(map(_plain, items))

    def update(self, *others: Iterable[object]) -> None:
        """Take in what is plain."""
        super().update(*(map(_plain, other) for other in others))


class GuardedUnpickler(pickle._Unpickler):
    """Python's own unpickler, in Python: the one in C cannot be told how to make a dictionary."""

    def _empty_dict(self: Any) -> None:
        self.append(GuardedDict())

    def _dict(self: Any) -> None:
        items = self.pop_mark()
        self.append(GuardedDict(_pairs(items)))

    def _empty_set(self: Any) -> None:
        self.append(GuardedSet())

    def _frozenset(self: Any) -> None:
        self.append(frozenset(map(_plain, self.pop_mark())))

    _OWN: ClassVar[Any] = {
        pickle.EMPTY_DICT[0]: _empty_dict,
        pickle.DICT[0]: _dict,
        pickle.EMPTY_SET[0]: _empty_set,
        pickle.FROZENSET[0]: _frozenset,
    }
    dispatch = pickle._Unpickler.dispatch | _OWN


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(items[::2], items[1::2], strict=True)
