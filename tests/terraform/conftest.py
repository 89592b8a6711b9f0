"""What the tests of this folder share."""

from __future__ import annotations

import pytest

from tests.terraform.workspace import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = Workspace(tmp_path_factory.mktemp("terraform"))
    made.run("init", "-input=false", "-no-color")
    return made
