"""Wrong arguments and configurations are refused before anything is sent, in words that help."""

from __future__ import annotations

import json
import pickle
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fmi
from fmi import config
from fmi._datatypes import Value
from tests.fmi.support.worlds import World

INT = fmi.types(fmi.datatypes.int)
DOUBLE = fmi.types(fmi.datatypes.double)
SUM = fmi.func(fmi.op.sum)
TWO_INTS = fmi.types(fmi.datatypes.int_list, 2)
TWO_DOUBLES = fmi.types(fmi.datatypes.double_list, 2)

WRONG_CALLS: dict[str, tuple[Callable[[fmi.Communicator], Any], type[Exception], str]] = {
    "float for int": (lambda c: c.send(1.5, 1 - c.rank, INT), TypeError, "1.5"),
    "text": (lambda c: c.send("1", 1 - c.rank, INT), TypeError, "str"),
    "none": (lambda c: c.bcast(None, c.rank, INT), TypeError, "NoneType"),
    "list for int": (lambda c: c.send([1], 1 - c.rank, INT), TypeError, "list"),
    "int for list": (lambda c: c.send(1, 1 - c.rank, TWO_INTS), TypeError, "int"),
    "floats for ints": (lambda c: c.send([1, 2.5], 1 - c.rank, TWO_INTS), TypeError, "2.5"),
    "float array for ints": (lambda c: c.send(np.ones(2), 1 - c.rank, TWO_INTS), TypeError, "float64"),
    "complex array": (lambda c: c.send(np.ones(2, complex), 1 - c.rank, TWO_DOUBLES), TypeError, "complex"),
    "too long": (lambda c: c.send([1, 2, 3], 1 - c.rank, TWO_INTS), ValueError, "expected 2 values, got 3"),
    "ragged": (lambda c: c.send([[1], [2, 3]], 1 - c.rank, TWO_INTS), TypeError, "[1]"),
    "too large": (lambda c: c.send(2**63, 1 - c.rank, INT), ValueError, "range"),
    "too large in a list": (lambda c: c.send([-1, 2**63], 1 - c.rank, TWO_INTS), ValueError, "range"),
    "too large in an array": (
        lambda c: c.send(np.array([0, 2**63], np.uint64), 1 - c.rank, TWO_INTS),
        (ValueError),
        "range",
    ),
    "to itself": (lambda c: c.send(1, c.rank, INT), ValueError, "itself"),
    "to nobody": (lambda c: c.send(1, 2, INT), ValueError, "from 0 to 1"),
    "from nobody": (lambda c: c.recv(-1, INT), ValueError, "from 0 to 1"),
    "no rank": (lambda c: c.recv("1", INT), TypeError, "'1'"),  # type: ignore[arg-type]
    "no root": (lambda c: c.gather(1, 9, INT), ValueError, "root"),
    "no type": (lambda c: c.bcast(1, 0, int), TypeError, "fmi.types"),  # type: ignore[arg-type]
    "no function": (lambda c: c.allreduce(1, sum, INT), TypeError, "fmi.func"),  # type: ignore[arg-type]
    "uneven scatter": (
        lambda c: c.scatter([1, 2, 3], 0, fmi.types(fmi.datatypes.int_list, 3)),
        ValueError,
        "evenly",
    ),
    "scatter of one": (lambda c: c.scatter(1, 0, INT), ValueError, "int_list"),
    "hint": (lambda c: c.hint("fast"), TypeError, "fmi.hints"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", list(WRONG_CALLS))
def test_wrong_calls_are_refused_and_break_nothing(kept_worlds: dict[int, World], name: str) -> None:
    call, kind, words = WRONG_CALLS[name]
    for error in kept_worlds[2].errors(call):
        assert isinstance(error, kind)
        assert words in str(error)
    assert kept_worlds[2].run(lambda comm: comm.allreduce(1, SUM, INT)) == [2, 2]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: fmi.types(fmi.datatypes.int_list), TypeError),
        (lambda: fmi.types(fmi.datatypes.int_list, 0), ValueError),
        (lambda: fmi.types(fmi.datatypes.int_list, True), TypeError),
        (lambda: fmi.types(fmi.datatypes.int, 2), ValueError),
        (lambda: fmi.types(int), TypeError),  # type: ignore[arg-type]
        (lambda: fmi.func("sum"), TypeError),  # type: ignore[arg-type]
        (lambda: fmi.func(fmi.op.custom), TypeError),
        (lambda: fmi.func(fmi.op.sum, max), TypeError),
        (lambda: fmi.Communicator(2, 2, {"secret": "x"}), ValueError),
        (lambda: fmi.Communicator(0, 0, {"secret": "x"}), ValueError),
        (lambda: fmi.Communicator("0", 2, {"secret": "x"}), TypeError),  # type: ignore[arg-type]
    ],
)
def test_wrong_constructions_are_refused(make: Callable[[], object], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        make()


def test_a_custom_function_with_a_wrong_result_is_told(world: Callable[..., World]) -> None:
    pairs = fmi.func(fmi.op.custom, lambda a, b: [a, b])
    errors = world(2).errors(lambda comm: comm.allreduce([1, 2], pairs, TWO_INTS))
    assert any(isinstance(error, TypeError) and "custom function" in str(error) for error in errors)
    assert any("two numbers" in str(error) for error in errors)


def test_values_of_related_types_are_taken(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> Value:
        return (
            comm.allreduce(True, SUM, INT),
            comm.allreduce(np.int32(3), SUM, INT),
            comm.allreduce(1, SUM, DOUBLE),
            comm.allreduce(np.float32(0.5), SUM, DOUBLE),
            comm.allreduce(np.array([1, 2], np.int16), SUM, TWO_INTS).tolist(),
            comm.allreduce([1, 2.5], SUM, TWO_DOUBLES),
        )

    assert kept_worlds[2].run(body) == [(2, 6, 2.0, 1.0, [2, 4], [2.0, 5.0])] * 2


def test_a_configuration_file_may_have_numbers_as_text(tmp_path: Path) -> None:
    path = tmp_path / "fmi.json"
    direct = {"enabled": "true", "host": "example.org", "port": "10001", "max_timeout": "1500"}
    path.write_text(json.dumps({"backends": {"Direct": direct}, "secret": "s", "model": {"Direct": {}}}))
    settings = config.resolve(path, {})
    assert (settings.host, settings.port, settings.secret) == ("example.org", 10001, b"s")
    assert (settings.setup_s, settings.stall_s, settings.peer_s) == (1.5, 300.0, 300.0)


def test_the_environment_fills_gaps_of_a_dict_or_wins() -> None:
    environment = {"FMI_SECRET": "e", "RENDEZVOUS_HOST": "from.env", "RENDEZVOUS_PORT": "7"}
    given = {"backends": {"Direct": {"host": "from.dict"}}, "secret": "d"}
    filled = config.resolve(given, environment)
    won = config.resolve(given, environment, override=True)
    assert (filled.host, filled.port, filled.secret) == ("from.dict", 7, b"d")
    assert (won.host, won.port, won.secret) == ("from.env", 7, b"e")


def test_the_default_configuration_has_the_published_model() -> None:
    model = config.resolve(None, {}).model
    assert (model["Direct"]["bandwidth"], model["Direct"]["overhead"]) == (400.0, 0.34)
    assert model["S3"]["upload_price"] == 0.0000054


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"backends": {"Direct": {"enabled": "false"}}}', "no channel is enabled"),
        ('{"backends": {"Direct": {"port": "many"}}}', "port"),
        ('{"backends": {"Direct": {"port": 70000}}}', "65535"),
        ('{"backends": {"Direct": {"max_timeout": 0}}}', "timeout"),
        ('{"backends": {"Direct": {"protocol": 3}}}', "protocol"),
        ('{"backends": {"Direct": []}}', "Direct"),
        ('{"backends": ["Direct"]}', "backends"),
        ('{"model": [1]}', "model"),
    ],
)
def test_a_wrong_configuration_says_what_to_change(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "fmi.json"
    path.write_text(content)
    with pytest.raises(fmi.ConfigError, match=words):
        fmi.Communicator(0, 2, path, "wrong")


def test_a_missing_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMI_SECRET", raising=False)
    with pytest.raises(fmi.ConfigError, match="FMI_SECRET"):
        fmi.Communicator(0, 2, {}, "x")


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("hunter2", "of 42 bits at the most, where 128 are needed.*FMI_SECRET.*token_hex"),
        ("5ec3e7" * 5, "of 120 bits"),
        ("xyz" * 9, "repeats a few characters"),
    ],
)
def test_a_secret_that_can_be_tried_out_is_refused(secret: str, words: str) -> None:
    with pytest.raises(fmi.ConfigError, match=words):
        fmi.Communicator(0, 2, {"secret": secret}, "x")


@pytest.mark.parametrize("make", [secrets.token_hex, secrets.token_urlsafe, secrets.token_bytes])
def test_a_random_secret_of_128_bits_is_taken(make: Callable[[int], str | bytes]) -> None:
    fmi.Communicator(0, 2, {"secret": make(16)}, "x").close()


@pytest.mark.parametrize(
    "error",
    [
        fmi.PeerFailure(3, "gone"),
        fmi.Timeout("waited", [2, 1]),
        fmi.MismatchError("not the same"),
        fmi.ConfigError("wrong"),
        fmi.CommunicatorClosed("closed"),
    ],
)
def test_errors_survive_pickling(error: fmi.FMIError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
