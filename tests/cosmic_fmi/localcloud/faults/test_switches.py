"""What a fault's name and value mean."""

import pytest

from cosmic_fmi.localcloud.faults.switches import FAULTS, Switches, UnknownFaultError


def test_words_switch_faults_on_and_clear_switches_them_off() -> None:
    switches = Switches.of_text("s3-slowdown=0.5, task-start")
    assert (switches.value("s3-slowdown"), switches.value("task-start")) == (0.5, 60.0)
    switches.clear(["s3-slowdown"])
    assert (switches.value("s3-slowdown"), switches.value("task-start")) == (None, 60.0)
    switches.clear()
    assert [each["value"] for each in switches.describe()] == [None] * len(FAULTS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rain", "no such fault: 'rain'; there are inactive, pending"),
        ("s3-slowdown=2", "s3-slowdown takes a number above 0 and up to 1, not 2"),
        ("s3-slowdown=0", "above 0"),
        ("s3-slowdown=nan", "above 0"),
        ("task-start=long", "task-start takes a number, not 'long'"),
    ],
)
def test_what_there_is_not_is_named(text: str, words: str) -> None:
    with pytest.raises(UnknownFaultError, match=words):
        Switches.of_text(text)


def test_a_rate_hits_as_many_calls() -> None:
    switches = Switches({"lambda-throttle": 0.25})
    hits = sum(switches.strikes("lambda-throttle") for _ in range(1000))
    assert 200 < hits < 300
    assert not any(switches.strikes("s3-slowdown") for _ in range(100))


def test_a_number_is_used_up() -> None:
    switches = Switches({"task-replaced": 2})
    assert [switches.take("task-replaced") for _ in range(3)] == [True, True, False]


def test_every_other_call_of_a_kind_is_hit() -> None:
    switches = Switches()
    assert not switches.alternates("events-reordered", "a")
    switches.set({"events-reordered": 1})
    assert [switches.alternates("events-reordered", kind) for kind in "aabab"] == [
        True,
        False,
        True,
        True,
        False,
    ]
