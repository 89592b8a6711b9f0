"""Terraform's commands, with a stand-in for terraform on the PATH."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from cosmic_fmi.experiment.errors import TerraformError
from cosmic_fmi.experiment.targets.terraform import Terraform
from cosmic_fmi.experiment.targets.terraform_command import find_executable
from tests.cosmic_fmi.experiment.support.terraform import stand_in


def test_neither_terraform_nor_tofu(tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match="install Terraform"):
        find_executable({"PATH": str(tmp_path)})


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
