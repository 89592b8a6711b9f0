"""Ctrl-C, and a signal or a terminal that is gone, while an execution runs."""

from __future__ import annotations

import errno
import os
import signal
import time

import pytest

from cosmic_fmi.experiment.execution.runner import Runner
from cosmic_fmi.experiment.ui.command import guarded
from tests.cosmic_fmi.experiment.support.executions import EXECUTION
from tests.cosmic_fmi.experiment.support.fakes import DEPLOYMENT, FakeTarget, quiet


@pytest.mark.parametrize("disturbance", ["none", "Ctrl-C once more", "the terminal is gone"])
def test_an_interrupt_stops_the_execution(
    target: FakeTarget, monkeypatch: pytest.MonkeyPatch, disturbance: str
) -> None:
    fake, reporter = target.fakes.stepfunctions, quiet()
    fake.states = [{"status": "RUNNING"}, KeyboardInterrupt()]
    expected: type[BaseException] = KeyboardInterrupt
    if disturbance == "Ctrl-C once more":
        stop = fake.stop_execution

        def interrupted(**arguments: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            stop(**arguments)

        monkeypatch.setattr(fake, "stop_execution", interrupted)
    elif disturbance == "the terminal is gone":
        expected = OSError

        def gone(*_: object, **__: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(reporter, "message", gone)
    with pytest.raises(expected):
        Runner(target, DEPLOYMENT, reporter).run(EXECUTION)
    assert fake.stopped == ["arn:aws:states:us-east-1:1:execution:m:x"]


def test_whoever_insists_gets_away_and_is_told(target: FakeTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = target.fakes.stepfunctions
    fake.states = [KeyboardInterrupt()]

    def hangs(**_: object) -> None:
        for _press in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    monkeypatch.setattr(fake, "stop_execution", hangs)
    with pytest.raises(KeyboardInterrupt, match="may still run"):
        Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_command_is_an_interrupt(number: signal.Signals) -> None:
    def work() -> int:
        os.kill(os.getpid(), number)
        time.sleep(60)
        return 0

    assert guarded(work, quiet()) == 130
