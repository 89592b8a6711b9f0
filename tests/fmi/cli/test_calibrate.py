"""Measured constants in a configuration."""

from __future__ import annotations

import pytest

import fmi
from fmi.cli.calibrate import with_constants


@pytest.mark.parametrize("given", [{}, {"bandwidth_multiple": 400}])
def test_calibrating_keeps_to_the_constants_that_there_are(given: dict[str, float]) -> None:
    content = {"model": {"Redis": {"overhead": 5, "bandwidth_single": 100, "instance_price": 0.5, **given}}}
    measured = {"Redis": {"overhead": 1.0, "bandwidth": 150.0}}
    assert with_constants(content, measured)["model"]["Redis"] == {
        "overhead": 1.0,
        "bandwidth_single": 150.0,
        "instance_price": 0.5,
        **given,
    }


def test_calibrating_refuses_what_is_no_model() -> None:
    measured = {"Redis": {"overhead": 1.0, "bandwidth": 150.0}}
    with pytest.raises(fmi.ConfigError, match='"model"'):
        with_constants({"model": {"Redis": 5}}, measured)
    with pytest.raises(fmi.ConfigError, match=r"model\.Redis\.bandwidth_multiple"):
        with_constants({"model": {"Redis": {"bandwidth_single": 1, "bandwidth_multiple": "much"}}}, measured)
