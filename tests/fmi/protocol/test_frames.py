"""Calls in headers, and how messages name them."""

from __future__ import annotations

import pytest

import fmi
from fmi._datatypes import dtype_code
from fmi.protocol.frames import NO_ROOT, PART, Call, Operation, call_of, part_of

DOUBLE = fmi.types(fmi.datatypes.double).dtype


@pytest.mark.parametrize("operation", [each for each in Operation if each > Operation.SEND])
@pytest.mark.parametrize("root", [0, 5, NO_ROOT])
def test_a_part_of_a_call_names_it(operation: Operation, root: int) -> None:
    call = Call(operation, 7, dtype_code(DOUBLE), 3, root, fmi.MAX.code)
    part = part_of(call, 41)
    assert part.operation is Operation.SEND
    assert part.sequence == PART | 41
    assert call_of(part.prefix) == part
    where = "" if root == NO_ROOT else f", root {root}"
    assert str(part) == f"i{operation.name.lower()}(3 x float64{where}, function max), message 41"


def test_a_message_is_no_part_of_a_call() -> None:
    assert str(Call(Operation.SEND, 2, dtype_code(DOUBLE), 1)) == "send(1 x float64), message 2"
