"""Run Terraform (or OpenTofu) on the repository's root module: init, apply, destroy, plan, output, show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged

from cosmic_fmi.experiment.targets.terraform_command import (
    CommandLine,
    OutputReader,
    Progress,
    find_executable,
)
from cosmic_fmi.experiment.targets.terraform_watch import Trouble


class Terraform:
    """The root module under ``root`` with one state.

    ``state`` and ``data_dir`` keep the embedded target's state apart from the one that ``make deploy`` uses
    in ``terraform/``; None means Terraform's own defaults. Full output goes to ``log``; ``notify`` gets
    a line when an interrupted command takes a while to end. A command that ``trouble`` has a sentence about
    is killed, and fails with that.
    """

    def __init__(
        self,
        root: Path,
        *,
        environment: Mapping[str, str],
        log: Path,
        state: Path | None = None,
        data_dir: Path | None = None,
        notify: Callable[[str], None] = print,
        trouble: Trouble = lambda _: None,
    ) -> None:
        self.root = root
        self.state = state
        self.log = log
        self.executable = find_executable(environment)
        self.environment = {
            # Go's own choice, 100, spends a fifth of an apply on freeing what is soon read again: the
            # provider's schemas of all of AWS. Both together hold 1.0 GB this way instead of 0.9 GB.
            "GOGC": "400",
            **environment,
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }
        if data_dir is not None:
            data_dir.mkdir(parents=True, exist_ok=True)
            self.environment["TF_DATA_DIR"] = str(data_dir)
        log.parent.mkdir(parents=True, exist_ok=True)
        self._cli = CommandLine(
            root, self.executable, self.environment, log=log, notify=notify, trouble=trouble
        )

    def init(self) -> None:
        """Install the providers and modules that the root module names."""
        # python-terraform would ask for a reconfiguration, which forgets the backend that holds the state.
        self._cli.init(reconfigure=None, backend=None, var=None, reader=OutputReader(patient=True))

    def apply(self, variables: Mapping[str, object], progress: Progress) -> None:
        """Bring the target to what the root module says; ``variables`` override every other source."""
        self._cli.apply(skip_plan=True, reader=OutputReader(progress), **self._options(variables))

    def destroy(self, variables: Mapping[str, object], progress: Progress, *, refresh: bool = True) -> None:
        """Remove everything that the state knows; without ``refresh`` it is believed as it is."""
        options = self._options(variables)
        if not refresh:
            options["refresh"] = False
        # Terraform has no -force any more.
        self._cli.destroy(force=None, auto_approve=IsFlagged, reader=OutputReader(progress), **options)

    def variables(self) -> list[str]:
        """Names of the root module's variables."""
        text = "\n".join(path.read_text() for path in sorted(self.root.glob("*.tf")))
        return re.findall(r'^variable "(\w+)"', text, re.MULTILINE)

    def pending_changes(self, variables: Mapping[str, object]) -> list[str]:
        """Addresses of the resources that an apply would change; empty when there is no drift."""
        reader = OutputReader()
        self._cli.plan(detailed_exitcode=None, reader=reader, **self._options(variables))
        return reader.planned

    def output(self) -> dict[str, Any]:
        """The root module's outputs, name → value; empty when nothing is applied."""
        found = self._cli.output(no_color=IsFlagged, state=self.state)
        return {name: item["value"] for name, item in found.items()}

    def resources(self) -> list[dict[str, Any]]:
        """What the state holds, data sources included, as ``terraform show -json`` describes each; needs
        :meth:`init`.
        """
        state = [] if self.state is None else [str(self.state)]
        _, shown, _ = self._cli.cmd("show", *state, json=IsFlagged, no_color=IsFlagged)
        modules = [json.loads(shown).get("values", {}).get("root_module", {})]
        for module in modules:
            modules += module.get("child_modules", [])
        return [resource for module in modules for resource in module.get("resources", [])]

    def _options(self, variables: Mapping[str, object]) -> dict[str, object]:
        """What apply, destroy and plan have in common."""
        file = self.log.parent / "variables.tfvars.json"
        if variables:
            file.write_text(json.dumps(variables, indent=2) + "\n")
        return {
            "json": IsFlagged,
            "state": self.state,
            "var": None,
            "var_file": file if variables else None,
        }
