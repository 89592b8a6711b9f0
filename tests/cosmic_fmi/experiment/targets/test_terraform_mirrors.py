"""Provider mirrors that a machine may have, and the configuration that Terraform gets for them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cosmic_fmi.experiment.targets.terraform_mirrors import (
    cli_environment,
    mirror_candidates,
    platform_name,
    providers_in,
    user_config,
)

AWS = "registry.terraform.io/hashicorp/aws"


def unpacked(mirror: Path, provider: str = AWS, target: str | None = None) -> Path:
    folder = mirror / provider / "5.100.0" / (target or platform_name())
    folder.mkdir(parents=True)
    return mirror


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """A root folder and a home with nothing in them."""
    home = tmp_path / "home"
    home.mkdir()
    return tmp_path, home


def test_providers_are_found_unpacked_and_packed(tmp_path: Path) -> None:
    unpacked(tmp_path)
    packed = tmp_path / "registry.terraform.io" / "hashicorp" / "random"
    packed.mkdir(parents=True)
    (packed / f"terraform-provider-random_3.7.2_{platform_name()}.zip").touch()
    assert providers_in(tmp_path, platform_name()) == [AWS, "registry.terraform.io/hashicorp/random"]


def test_builds_for_other_machines_do_not_count(tmp_path: Path) -> None:
    assert providers_in(unpacked(tmp_path, target="plan9_mips"), platform_name()) == []


@pytest.mark.parametrize(
    "place",
    [
        "opt/anything",
        "usr/share/terraform/plugins",
        "usr/local/share/terraform/plugins",
        "home/.terraform.d/plugins",
        "home/.local/share/terraform/plugins",
    ],
)
def test_a_mirror_in_a_usual_place_is_used(machine: tuple[Path, Path], place: str) -> None:
    root, home = machine
    mirror = unpacked(root / place)
    result = cli_environment({}, root / "work", home, root)
    config = Path(result["TF_CLI_CONFIG_FILE"]).read_text()
    assert str(mirror) in config
    assert f'exclude = ["{AWS}"]' in config


def test_a_named_mirror_comes_first(machine: tuple[Path, Path]) -> None:
    root, home = machine
    assert mirror_candidates({"TF_PLUGIN_MIRROR": "/mine"}, home, root)[0] == Path("/mine")


def test_without_a_mirror_downloads_are_cached(
    machine: tuple[Path, Path],
) -> None:
    root, home = machine
    result = cli_environment({"TF_CLI_CONFIG_FILE": str(home / "none")}, root / "work", home, root)
    assert "TF_CLI_CONFIG_FILE" not in result
    assert Path(result["TF_PLUGIN_CACHE_DIR"]).is_dir()


@pytest.mark.parametrize("named", [True, False])
def test_the_users_own_configuration_is_respected(machine: tuple[Path, Path], named: bool) -> None:
    root, home = machine
    unpacked(root / "opt" / "mirror")
    own = home / ("mine.rc" if named else ".terraformrc")
    own.write_text("")
    given = {"TF_CLI_CONFIG_FILE": str(own)} if named else {}
    assert user_config(given, home) == own
    assert cli_environment(given, root / "work", home, root) == given


@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform")
def test_the_generated_configuration_is_one_that_terraform_accepts(machine: tuple[Path, Path]) -> None:
    root, home = machine
    unpacked(root / "opt" / "mirror")
    environment = cli_environment({**os.environ, "TF_CLI_CONFIG_FILE": ""}, root / "work", home, root)
    done = subprocess.run(
        ["terraform", "version"], env=environment, capture_output=True, text=True, check=True
    )
    assert "problem" not in done.stderr
