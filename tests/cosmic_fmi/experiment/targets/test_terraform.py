from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cosmic_fmi.experiment.errors import TerraformError
from cosmic_fmi.experiment.targets.terraform import (
    Terraform,
    cli_environment,
    find_executable,
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


def test_neither_terraform_nor_tofu(tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match="install Terraform"):
        find_executable({"PATH": str(tmp_path)})


# --- commands, with a stand-in for terraform on the PATH ---


def stand_in(tmp_path: Path, body: str, name: str = "terraform") -> dict[str, str]:
    """An environment in which ``name`` runs this Python code."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / name
    script.write_text(f"#!{sys.executable}\nimport json, os, signal, sys, time\n{textwrap.dedent(body)}")
    script.chmod(0o755)
    return {"PATH": str(folder)}


def terraform(tmp_path: Path, body: str, name: str = "terraform") -> Terraform:
    environment = stand_in(tmp_path, body, name)
    log = tmp_path / "log" / "terraform.log"
    return Terraform(
        tmp_path, environment=environment, log=log, state=tmp_path / "x.tfstate", data_dir=tmp_path / "data"
    )


def test_apply_reports_progress_and_keeps_the_whole_output(tmp_path: Path) -> None:
    made = terraform(
        tmp_path,
        """
        def say(**event): print(json.dumps({"@message": event["type"], **event}))
        say(type="version")
        say(type="change_summary", changes={"add": 2, "change": 0, "remove": 0, "operation": "plan"})
        for name in ("a", "b"):
            say(type="apply_start", hook={"resource": {"addr": name}})
            say(type="apply_complete", hook={"resource": {"addr": name}})
        say(type="seen", arguments=sys.argv, data=os.environ["TF_DATA_DIR"])
        """,
        name="tofu",
    )
    seen: list[tuple[int, int | None, str]] = []
    made.apply({"image_tag": "t"}, lambda done, total, note: seen.append((done, total, note)))
    assert seen[0][:2] == (0, 2)
    assert seen[-1] == (2, 2, "b")
    log = made.log.read_text()
    assert f"-state={tmp_path / 'x.tfstate'}" in log
    assert str(tmp_path / "data") in log
    assert '"image_tag": "t"' in (made.log.parent / "variables.tfvars.json").read_text()


def test_init_keeps_the_backend_and_destroy_has_no_option_that_terraform_lost(tmp_path: Path) -> None:
    made = terraform(tmp_path, "")
    made.init()
    made.destroy({}, lambda *_: None)
    init, destroy = (set(line.split()[3:]) for line in made.log.read_text().splitlines())
    assert init == {"-no-color", "-input=false"}
    assert destroy == {
        "-auto-approve",
        "-json",
        "-no-color",
        "-input=false",
        f"-state={tmp_path / 'x.tfstate'}",
    }


def test_a_state_that_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "terraform.tfstate").write_text("cut sho")
    assert terraform(tmp_path, "print('{}')").output() == {}


def test_a_failure_tells_terraforms_own_errors(tmp_path: Path) -> None:
    made = terraform(
        tmp_path,
        """
        print(json.dumps({"@message": "Error", "type": "diagnostic",
            "diagnostic": {"severity": "error", "summary": "creating bucket", "detail": "it exists"}}))
        sys.exit(1)
        """,
    )
    with pytest.raises(TerraformError, match="creating bucket: it exists") as caught:
        made.apply({}, lambda *_: None)
    assert str(made.log) in str(caught.value)


def test_an_error_in_a_file_names_the_line(tmp_path: Path) -> None:
    made = terraform(
        tmp_path,
        """
        place = {"filename": "terraform.tfvars", "start": {"line": 3, "column": 1, "byte": 9}}
        found = {"severity": "error", "summary": "Invalid expression", "detail": "Expected", "range": place}
        print(json.dumps({"@message": "Error", "type": "diagnostic", "diagnostic": found}))
        sys.exit(1)
        """,
    )
    with pytest.raises(TerraformError, match=r"terraform\.tfvars, line 3: Invalid expression: Expected"):
        made.apply({}, lambda *_: None)


def test_a_failure_without_json_shows_the_end_of_the_output(tmp_path: Path) -> None:
    made = terraform(tmp_path, "print('no provider for you'); sys.exit(1)")
    with pytest.raises(TerraformError, match="no provider for you"):
        made.init()


def test_output_gives_values(tmp_path: Path) -> None:
    made = terraform(tmp_path, """print('{"bucket": {"sensitive": false, "value": "b"}}')""")
    assert made.output() == {"bucket": "b"}


def test_output_failure(tmp_path: Path) -> None:
    made = terraform(tmp_path, "sys.exit('no state')")
    with pytest.raises(TerraformError, match="no state"):
        made.output()


def test_an_interrupt_reaches_terraform_once_and_is_waited_for(tmp_path: Path) -> None:
    made = terraform(
        tmp_path,
        f"""
        count = []
        signal.signal(signal.SIGINT, lambda *_: count.append(1))
        print(json.dumps({{"type": "apply_start", "hook": {{"resource": {{"addr": "a"}}}}}}), flush=True)
        while not count: time.sleep(0.01)
        time.sleep(0.2)
        open({str(tmp_path / "interrupts")!r}, "w").write(str(len(count)))
        """,
    )
    with pytest.raises(KeyboardInterrupt):
        made.apply({}, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert (tmp_path / "interrupts").read_text() == "1"


@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform")
def test_the_generated_configuration_is_one_that_terraform_accepts(machine: tuple[Path, Path]) -> None:
    root, home = machine
    unpacked(root / "opt" / "mirror")
    environment = cli_environment({**os.environ, "TF_CLI_CONFIG_FILE": ""}, root / "work", home, root)
    done = subprocess.run(
        ["terraform", "version"], env=environment, capture_output=True, text=True, check=True
    )
    assert "problem" not in done.stderr
