"""Channels by name."""

from __future__ import annotations

import pytest

import fmi


def test_an_unknown_channel_is_named() -> None:
    with pytest.raises(fmi.ConfigError, match="Pigeon"):
        fmi.Communicator(
            0, 2, {"backends": {"Pigeon": {}}, "secret": "a secret of this test alone"}, "unknown"
        )
    with pytest.raises(ValueError, match="Direct"):
        fmi.register_channel("Direct", fmi.Storage)  # type: ignore[arg-type]
