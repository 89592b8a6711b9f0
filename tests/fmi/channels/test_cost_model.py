"""The model's constants."""

from __future__ import annotations

from typing import Any

import pytest

import fmi
import tests.fmi.support.folder_channel  # noqa: F401 - registers the channel named Folder
from tests.fmi.support.services import Services


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"Folder": {"bandwidth": 1}}, "overhead"),
        ({"Folder": {"bandwidth": 0, "overhead": 1}}, "bandwidth"),
        ({"Folder": {"bandwidth": 1, "overhead": "fast"}}, "fast"),
        ({}, "calibrate"),
    ],
)
def test_a_model_that_lacks_something_is_named(
    services: Services,
    model: dict[str, Any],
    words: str,
) -> None:
    config = services.config("Direct", "Folder")
    with pytest.raises(fmi.ConfigError, match=words):
        fmi.Communicator(0, 2, {**config, "model": model}, "model")
