"""An embedded AWS of the tests' own with the repository's terraform/ applied to it."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.localcloud.state import LOG_FILE
from tests.e2e.support.stack import Stack

LOG_LINES = 60


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the embedded AWS did when a test failed: on a CI machine its log is gone with it."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        lines = (stack.state / "localcloud" / LOG_FILE).read_text().splitlines()
        report.sections.append(("Log of the embedded AWS", "\n".join(lines[-LOG_LINES:])))
    return report
