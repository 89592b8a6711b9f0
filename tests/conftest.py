"""What every test may rely on, what is shown when one fails, and which tests one worker runs one after the
other.
"""

from __future__ import annotations

import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.support import failure_logs

# A CI system may start jobs in the background of a shell, where Ctrl-C is ignored; children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_ONE_WORKER = ("tests/e2e/", "tests/terraform/")
_FOLDER = pytest.StashKey[Path]()


@pytest.fixture(scope="session", autouse=True)
def _folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where this process's tests write."""
    request.config.stash[_FOLDER] = tmp_path_factory.getbasetemp()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what happened beside a test or fixture that failed."""
    report = yield
    if report.failed and _FOLDER in item.config.stash:
        report.sections += failure_logs.sections(item.config.stash[_FOLDER], since=call.start)
    return report


class _ByFolder(LoadFileScheduling):  # type: ignore[misc] # it has no types
    """A file's tests stay together, and so do a folder's whose tests share something that takes long to make:
    an applied deployment, Terraform with its provider.

    They also start early, as what has many tests does, and leave no worker alone with them in the end.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in _ONE_WORKER if file.startswith(folder)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFolder | None:  # noqa: ANN401
    return _ByFolder(config, log) if config.getvalue("dist") == "loadfile" else None
