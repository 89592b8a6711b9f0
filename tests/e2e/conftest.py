"""An embedded AWS of the tests' own with the repository's terraform/ applied to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from experiment.console import Reporter
from experiment.local_target import LocalTarget
from tests.e2e.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A deployment that lasts for all tests; taken down, daemon included, afterwards."""
    state = tmp_path_factory.mktemp("state")
    target = LocalTarget(state=state)
    deployment = target.prepare(Reporter())
    yield Stack(state, target, deployment)
    target.destroy(Reporter())
