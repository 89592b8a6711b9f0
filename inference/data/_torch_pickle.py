"""What a torch.save pickle says, without running it: an interpreter that can build data and nothing else.

`pickle.loads` imports whatever a file names and calls it. This interpreter imports nothing: it knows the few
opcodes that torch.save writes (pickle protocols 2 to 5), and a name means what its vocabulary says or is
refused before it has any effect.
"""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

MOST_BYTES = 2**20
"""A pickle holds names and shapes, the numbers lie beside it: a whole checkpoint's has some 100 kB. Of a
hostile one each MiB costs a hundred MB of memory and some seconds.
"""

KEY_BITS = 64


class PickleError(ValueError):
    """The pickle is damaged, or holds what is refused; the message says which, without a full stop."""


class Stateful(Protocol):
    """An object that a pickle makes empty and then gives its attributes."""

    def set_state(self, state: object) -> None:
        """Take over what the file says the attributes are."""


@dataclass(frozen=True)
class Function:
    """What a file may call, with arguments of its own."""

    run: Callable[..., object]


@dataclass(frozen=True)
class Class:
    """What a file may make objects of."""

    make: Callable[[], Stateful]


@dataclass(frozen=True)
class Vocabulary:
    """Every name that a pickle may use, as module and name, with its Function, its Class or a constant.

    `storage` turns a persistent id, which is how torch.save refers to a tensor's numbers, into the value that
    functions get.
    """

    names: Mapping[tuple[str, str], object]
    storage: Callable[[object], object]


def interpret(content: bytes, vocabulary: Vocabulary) -> object:
    """The object that the pickle in `content` describes. Raises PickleError when it cannot be built."""
    if len(content) > MOST_BYTES:
        raise PickleError(f"its pickle has {len(content)} bytes, far more than names and shapes need")
    machine = _Machine(vocabulary)
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.step(opcode.name, argument)
    except PickleError:
        raise
    # A damaged pickle can lack anything anywhere, and genops too raises more than one kind of error.
    except Exception as error:
        raise PickleError(f"its pickle is damaged ({type(error).__name__})") from error
    raise PickleError("its pickle is cut off")


class _Machine:
    """The stack, the stacks that open marks have set aside, and the memo."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.stack: list[Any] = []
        self.set_aside: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:  # noqa: ANN401 - an opcode's argument is of any kind
        """Carry out one opcode."""
        if name in LITERALS:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in ACTIONS:
            ACTIONS[name](self, argument)
        elif name not in ("PROTO", "FRAME"):
            raise PickleError(f"refused the pickle opcode {name}")

    def mark(self, _: object) -> None:
        """Begin a collection of unknown length."""
        self.set_aside.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """What was pushed since the last mark, off the stack."""
        items, self.stack = self.stack, self.set_aside.pop()
        return items

    def close_tuple(self, _: object) -> None:
        """What was pushed since the last mark, as one tuple."""
        items = tuple(self.since_mark())
        self.stack.append(items)

    def last(self, count: int) -> list[Any]:
        """The last `count` items, off the stack."""
        return [self.stack.pop() for _ in range(count)][::-1]

    def remember(self, index: int | None) -> None:
        """Note the top of the stack."""
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def look_up(self, module: object, name: object) -> None:
        """Push what a name means."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise PickleError("refused a name that is no text")
        if (module, name) not in self.vocabulary.names:
            raise PickleError(f"refused {module}.{name}")
        self.stack.append(self.vocabulary.names[module, name])

    def call(self, _: object) -> None:
        """Call a function of the vocabulary."""
        function, arguments = self.last(2)
        if not isinstance(function, Function):
            raise PickleError("refused a call of what is no function")
        self.stack.append(function.run(*arguments))

    def instantiate(self, _: object) -> None:
        """Make an empty object of a class of the vocabulary."""
        known, arguments = self.last(2)
        if not isinstance(known, Class) or type(arguments) is not tuple or arguments:
            raise PickleError("refused an object of what is no class")
        self.stack.append(known.make())

    def build(self, _: object) -> None:
        """Give an object its state; a dictionary's is bookkeeping (a state_dict's `_metadata`)."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], dict):
            self.stack[-1].set_state(state)

    def fill(self, items: list[Any]) -> None:
        """Set pairs of key and value in the dictionary below them."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise PickleError("refused to set an item of what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Of other keys, a few hundred bytes of nested tuples could take hours to hash.
            if not isinstance(key, (str, int)):
                raise PickleError(f"refused a {type(key).__name__} as a dictionary's key")
            # Python does not write out the largest, which messages about keys would need.
            if isinstance(key, int) and key.bit_length() > KEY_BITS:
                raise PickleError(f"refused a number of more than {KEY_BITS} bits as a dictionary's key")
            target[key] = value

    def extend(self, items: list[Any]) -> None:
        """Append to the list below."""
        if not isinstance(self.stack[-1], list):
            raise PickleError("refused to append to what is no list")
        self.stack[-1].extend(items)


LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
ACTIONS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "MARK": _Machine.mark,
    "TUPLE": _Machine.close_tuple,
    "TUPLE1": lambda machine, _: machine.stack.append(tuple(machine.last(1))),
    "TUPLE2": lambda machine, _: machine.stack.append(tuple(machine.last(2))),
    "TUPLE3": lambda machine, _: machine.stack.append(tuple(machine.last(3))),
    "APPEND": lambda machine, _: machine.extend(machine.last(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.fill(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.fill(machine.since_mark()),
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": _Machine.remember,
    "BINGET": lambda machine, index: machine.stack.append(machine.memo[index]),
    "LONG_BINGET": lambda machine, index: machine.stack.append(machine.memo[index]),
    "GLOBAL": lambda machine, names: machine.look_up(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.look_up(*machine.last(2)),
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.instantiate,
    "BUILD": _Machine.build,
    "BINPERSID": lambda machine, _: machine.stack.append(machine.vocabulary.storage(machine.stack.pop())),
}
