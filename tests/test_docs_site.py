"""The documentation site: built with `mkdocs build --strict`, which refuses links that lead nowhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cosmic_fmi
import fmi
from cosmic_fmi.cli.catalogue import modules
from cosmic_fmi.experiment.paths import REPOSITORY
from scripts.docs_site import linked, pages

BUILT_FROM = ("mkdocs.yml", "scripts/docs_site.py")


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of the repository in a folder, as `make docs` does."""
    # Not `python -m mkdocs`, which would import the packages from the folder, of which a copy has only parts.
    command = [str(Path(sys.executable).with_name("mkdocs")), "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the site is built from."""
    root = tmp_path_factory.mktemp("repository")
    for path in {*pages(REPOSITORY), *linked(REPOSITORY), *(REPOSITORY / name for name in BUILT_FROM)}:
        target = root / path.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for package in ("cosmic_fmi", "fmi"):  # mkdocstrings reads the sources
        shutil.copytree(REPOSITORY / package, root / package, dirs_exist_ok=True)
    (root / "terraform" / "examples").mkdir(exist_ok=True)  # a folder that a page links to
    provider = root / "terraform" / ".terraform" / "providers"  # what `terraform init` leaves is no page
    provider.mkdir(parents=True)
    (provider / "README.md").write_text("# A provider\n")
    return root


@pytest.fixture(scope="module")
def site(copy: Path) -> Path:
    """The site of the copy."""
    built = build(copy, copy / "site")
    assert built.returncode == 0, built.stdout + built.stderr
    return copy / "site"


def ids(page: Path) -> set[str]:
    return set(re.findall(r'id="([^"]+)"', page.read_text()))


def test_the_readme_is_the_first_page_and_every_page_keeps_its_path(site: Path) -> None:
    assert "what-comes-out" in ids(site / "index.html")
    for page in pages(REPOSITORY):
        path = page.relative_to(REPOSITORY)
        name = "index.html" if path.name == "README.md" else f"{path.stem}.html"
        assert (site / path.parent / name).is_file(), path


def test_what_pages_link_to_comes_along(site: Path) -> None:
    assert (site / "docs/tutorial.ipynb").read_bytes() == (REPOSITORY / "docs/tutorial.ipynb").read_bytes()
    assert all(
        (site / path.relative_to(REPOSITORY)).is_file() for path in linked(REPOSITORY) if path.suffix != ".md"
    )


def test_the_python_interface_is_in_the_reference(site: Path) -> None:
    found = ids(site / "reference" / "python.html")
    assert {f"cosmic_fmi.{name}" for name in cosmic_fmi.__all__} <= found
    assert {"cosmic_fmi.Run.to_pandas", "cosmic_fmi.Results.median"} <= found


def test_every_public_name_of_fmi_is_in_the_reference(site: Path) -> None:
    found = set[str]().union(*map(ids, (site / "reference").glob("*.html")))
    assert {f"fmi.{name}" for name in fmi.__all__} <= found
    assert {"fmi.Communicator.allreduce", "fmi.op.custom", "fmi.Request.wait"} <= found


def test_every_command_is_in_the_reference_with_those_below_it(site: Path) -> None:
    page = site / "reference" / "commands.html"
    assert {f"cosmic-fmi-{name}" for name in modules()} <= ids(page)
    text = re.sub("<[^>]+>", "", page.read_text())
    assert "usage: cosmic-fmi local start" in text
    assert "usage: cosmic-fmi data prepare" in text


def test_pages_name_no_script_style_or_picture_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)\b[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text())
        assert not loaded, page


def test_the_search_knows_docstrings_and_commands(site: Path) -> None:
    entries = json.loads((site / "search" / "search_index.json").read_text())["docs"]
    places = {entry["location"] for entry in entries}
    assert {
        "reference/communicator.html#fmi.Communicator.allreduce",
        "reference/commands.html#cosmic-fmi-tune",
    } <= places


@pytest.mark.usefixtures("site")  # built before a page is spoilt
def test_links_that_lead_nowhere_are_errors(copy: Path) -> None:
    page = copy / "docs" / "cost.md"
    page.write_text(page.read_text() + "\n[a page](nowhere.md) [a heading](tuning.md#nowhere)\n")
    (copy / "docs" / "lost.md").write_text("# A page outside the navigation\n")
    built = build(copy, copy / "other")
    said = built.stdout + built.stderr
    assert built.returncode != 0
    for what in ("'nowhere.md'", "'tuning.md#nowhere'", "docs/lost.md"):
        assert what in said, said
