"""An embedded AWS of the tests' own with the repository's terraform/ applied to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.experiment.ui.console import Reporter
from tests.e2e.support.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A deployment that lasts for all tests; taken down, daemon included, afterwards."""
    state = tmp_path_factory.mktemp("state")
    target = LocalTarget(state=state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALCLOUD_CALLS", str(state / "calls.jsonl"))
        deployment = target.prepare(Reporter())
    yield Stack(state, target, deployment)
    target.destroy(Reporter())
