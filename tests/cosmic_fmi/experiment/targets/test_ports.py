"""Ports for servers that are not always there."""

from __future__ import annotations

import socket

import pytest

from cosmic_fmi.experiment.targets import ports


def test_a_port_and_the_next_are_free_and_given_to_nobody_by_chance() -> None:
    port = ports.free_port()
    with socket.create_server(("", port)), socket.create_server(("", port + 1)):
        pass
    assert port + 1 < 32768, "Linux gives the ports from there to whoever asks for any"


@pytest.mark.parametrize("taken", [0, 1], ids=["itself", "the next"])
def test_a_port_in_use_is_left_alone(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    port = ports.free_port()
    monkeypatch.setattr(ports, "FIXED", range(port, port + 1))
    assert ports.free_port() == port
    with socket.create_server(("", port + taken)), pytest.raises(OSError, match="no free port"):
        ports.free_port()
