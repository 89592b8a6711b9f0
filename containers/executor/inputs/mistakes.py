"""Mistakes of the user's: each one sentence, all of them in one error."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class InputError(ValueError):
    """Mistakes in the execution input. The message is a sentence for each that says what to change."""


def raise_all(checks: Iterable[Callable[[], object]]) -> None:
    """Run all checks; raise one :class:`InputError` with what each that failed says, said once."""
    said: dict[str, None] = {}
    for check in checks:
        try:
            check()
        except InputError as error:
            said[str(error)] = None
    if said:
        raise InputError(" ".join(said))
