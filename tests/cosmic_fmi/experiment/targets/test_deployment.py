"""Terraform's outputs as a deployment."""

from __future__ import annotations

import pytest

from cosmic_fmi.experiment.errors import TargetError
from cosmic_fmi.experiment.targets.deployment import Deployment
from tests.cosmic_fmi.experiment.support.terraform import OUTPUTS


def test_a_deployment_is_read_from_terraforms_outputs() -> None:
    deployment = Deployment.from_outputs(OUTPUTS)
    assert deployment.functions["execute"] == "e"
    assert deployment.executor_memory_mb == 3008


def test_an_older_deployment_is_named_as_such() -> None:
    with pytest.raises(TargetError, match="'functions'"):
        Deployment.from_outputs({key: value for key, value in OUTPUTS.items() if key != "functions"})
