"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tftest import TerraformTest

from tests.terraform.support.provider import running_provider
from tests.terraform.support.workspace import make_workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerraformTest]:
    made = make_workspace(tmp_path_factory.mktemp("terraform"))
    with running_provider(Path(made.tfdir) / ".terraform", made.env) as variable:
        made.env |= variable
        yield made
