"""Run Terraform (or OpenTofu) on the repository's root module, with its output condensed to progress."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import python_terraform
from python_terraform import IsFlagged

from cosmic_fmi.experiment.errors import TerraformError

Progress = Callable[[int, int | None, str], None]
"""Called with resources done, resources in all (None before the plan is known) and a short note."""

_TAIL_LINES = 25


def find_executable(environment: Mapping[str, str] = os.environ) -> str:
    """Path of ``terraform``, else of ``tofu``; raises :class:`TerraformError` when neither is installed."""
    for name in ("terraform", "tofu"):
        path = shutil.which(name, path=environment.get("PATH"))
        if path:
            return path
    raise TerraformError(
        "neither terraform nor tofu is on the PATH: install Terraform 1.9 or newer "
        "(https://developer.hashicorp.com/terraform/install) or OpenTofu (https://opentofu.org/docs/intro/install/)"
    )


# --- provider mirrors -----------------------------------------------------------------------------


def platform_name() -> str:
    """This machine as Terraform names it, e.g. ``linux_amd64`` or ``darwin_arm64``."""
    machine = platform.machine().lower()
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}_{arch}"


def mirror_candidates(environment: Mapping[str, str], home: Path, root: Path = Path("/")) -> list[Path]:
    """Folders where provider plugins may lie, the most specific first; not all of them need to exist."""
    named = environment.get("TF_PLUGIN_MIRROR")
    opt = root / "opt"
    found_in_opt = [path.parent for path in sorted(opt.glob("*/registry.terraform.io"))]
    return [
        *([Path(named)] if named else []),
        home / ".terraform.d" / "plugins",
        home / ".local" / "share" / "terraform" / "plugins",
        root / "usr" / "local" / "share" / "terraform" / "plugins",
        root / "usr" / "share" / "terraform" / "plugins",
        *found_in_opt,
    ]


def providers_in(mirror: Path, target: str) -> list[str]:
    """Addresses (``host/namespace/type``) of the providers in ``mirror`` that have a build for ``target``."""
    addresses = set()
    for pattern in (f"*/*/*/*/{target}", f"*/*/*/*_{target}.zip"):
        for path in mirror.glob(pattern):
            addresses.add("/".join(path.relative_to(mirror).parts[:3]))
    return sorted(addresses)


def mirror_config(mirrors: Mapping[Path, Sequence[str]]) -> str:
    """A CLI configuration that takes exactly these providers from ``mirrors`` and all others from their
    registry.

    The registry must be excluded for what a mirror holds: Terraform asks every matching source for
    versions, and on a machine without a network that would fail although the provider is at hand.
    """
    lines = []
    for path, names in mirrors.items():
        lines += ["  filesystem_mirror {", f"    path    = {json.dumps(str(path))}"]
        lines += [f"    include = {json.dumps(list(names))}", "  }"]
    mirrored = sorted({name for names in mirrors.values() for name in names})
    lines += ["  direct {", f"    exclude = {json.dumps(mirrored)}", "  }"]
    return "\n".join(["provider_installation {", *lines, "}", ""])


def user_config(environment: Mapping[str, str], home: Path) -> Path | None:
    """The CLI configuration that the user already has, which is respected; a named but missing file counts
    as none.
    """
    named = environment.get("TF_CLI_CONFIG_FILE")
    candidates = [Path(named)] if named else [home / ".terraformrc", home / ".tofurc"]
    return next((path for path in candidates if path.is_file()), None)


def cli_environment(
    environment: Mapping[str, str], work_dir: Path, home: Path | None = None, root: Path = Path("/")
) -> dict[str, str]:
    """``environment`` for Terraform: a generated CLI configuration where a mirror is found, else a plugin
    cache.

    ``work_dir`` receives ``terraform.rc`` and the cache.
    """
    home = home or Path.home()
    result = dict(environment)
    if user_config(environment, home):
        return result
    result.pop("TF_CLI_CONFIG_FILE", None)
    target = platform_name()
    mirrors = {
        path: names
        for path in mirror_candidates(environment, home, root)
        if (names := providers_in(path, target))
    }
    work_dir.mkdir(parents=True, exist_ok=True)
    if mirrors:
        config = work_dir / "terraform.rc"
        config.write_text(mirror_config(mirrors))
        result["TF_CLI_CONFIG_FILE"] = str(config)
    else:
        cache = work_dir / "plugin-cache"
        cache.mkdir(exist_ok=True)
        result.setdefault("TF_PLUGIN_CACHE_DIR", str(cache))
    return result


# --- commands -------------------------------------------------------------------------------------


@dataclass
class _Watch:
    """What the JSON lines of a running command said so far."""

    progress: Progress = lambda *_: None
    done: int = 0
    total: int | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    errors: list[str] = field(default_factory=list)
    planned: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Take in one line of output, JSON or plain."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self.tail.append(line.rstrip())
            return
        self.tail.append(str(event.get("@message", "")))
        self._read_event(event)

    def _read_event(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "change_summary" and event["changes"].get("operation") == "plan":
            changes = event["changes"]
            self.total = changes["add"] + changes["change"] + changes["remove"]
            self.progress(0, self.total, f"{self.total} changes planned")
        elif kind == "planned_change":
            self.planned.append(event["change"]["resource"]["addr"])
        elif kind in ("apply_start", "apply_complete"):
            self.done += kind == "apply_complete"
            self.progress(self.done, self.total, event["hook"]["resource"]["addr"])
        elif kind == "diagnostic" and event["diagnostic"]["severity"] == "error":
            self.errors.append(_sentence(event["diagnostic"]))


def _sentence(diagnostic: Mapping[str, Any]) -> str:
    """An error in Terraform's words, with the place in the configuration that it is about, if any."""
    said = f"{diagnostic['summary']}: {diagnostic.get('detail', '')}".strip(": \n")
    place = diagnostic.get("range")
    return f"{place['filename']}, line {place['start']['line']}: {said}" if place else said


class _CommandLine(python_terraform.Terraform):
    """python-terraform's commands, run so that their output can be followed and Ctrl-C loses no state.

    Its own ``cmd`` gives the output when all is over, in this process's environment and process group: no
    progress, and in a terminal Ctrl-C would interrupt Terraform beside us.
    """

    def __init__(
        self,
        root: Path,
        executable: str,
        environment: dict[str, str],
        log: Path,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(str(root), terraform_bin_path=executable)
        self.environment = environment
        self.log = log
        self.say = say

    def read_state_file(self, *_: object) -> None:
        """Leave the state to Terraform, which knows where it is."""

    def cmd(
        self, cmd: str, *args: str, watch: _Watch | None = None, **options: object
    ) -> tuple[int, str, str]:
        """Run a command; with ``watch``, that gets each line as it comes.

        Gives what python-terraform's own gives: exit status, output, errors. Raises :class:`TerraformError`
        when the command fails.
        """
        program, *arguments = self.generate_cmd_string(cmd, *args, **options)
        command = [program, f"-chdir={self.working_dir}", *arguments]
        return self._collect(command, cmd) if watch is None else self._follow(command, cmd, watch)

    def _collect(self, command: Sequence[str], name: str) -> tuple[int, str, str]:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TerraformError(f"terraform {name} failed: {_last_lines(done.stderr)}")
        return done.returncode, done.stdout, done.stderr

    def _follow(self, command: Sequence[str], name: str, watch: _Watch) -> tuple[int, str, str]:
        with closing(self._lines(command)) as lines:
            for line in lines:
                watch.read(line)
        if self._returncode:
            reason = "\n".join(watch.errors) or "\n".join(watch.tail)
            raise TerraformError(f"terraform {name} failed (all of its output: {self.log}):\n{reason}")
        return self._returncode, "\n".join(watch.tail), ""

    def _lines(self, command: Sequence[str]) -> Generator[str, None, None]:
        """Run a command and give its output line by line; on Ctrl-C let Terraform finish writing its state.

        It runs in a session of its own, so that it gets exactly one interrupt however ours came: a second one
        makes it drop everything, state included.
        """
        with self.log.open("a") as log:
            log.write(f"$ terraform {' '.join(command[2:])}\n")
            with subprocess.Popen(
                command,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ) as process:
                try:
                    for line in process.stdout or ():
                        log.write(line)
                        yield line
                    self._returncode = process.wait()
                finally:
                    self._end(process)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """Interrupt a command that still runs and wait for it; kill it when that takes too long or once more
        Ctrl-C says so.
        """
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        self.say("Waiting for Terraform to finish what it has begun (Ctrl-C once more kills it) ...")
        try:
            process.communicate(timeout=60)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Terraform:
    """The root module under ``root`` with one state.

    ``state`` and ``data_dir`` keep the embedded target's state apart from the one that ``make deploy`` uses
    in ``terraform/``; None means Terraform's own defaults. Full output goes to ``log``; ``say`` gets the one
    message that a user needs when ending an interrupted command takes a while.
    """

    def __init__(
        self,
        root: Path,
        *,
        environment: Mapping[str, str],
        log: Path,
        state: Path | None = None,
        data_dir: Path | None = None,
        say: Callable[[str], None] = print,
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
        self._cli = _CommandLine(root, self.executable, self.environment, log, say)

    def init(self) -> None:
        """Install the providers and modules that the root module names."""
        # python-terraform would ask for a reconfiguration, which forgets the backend that holds the state.
        self._cli.init(reconfigure=None, backend=None, var=None, watch=_Watch())

    def apply(self, variables: Mapping[str, object], progress: Progress) -> None:
        """Bring the target to what the root module says; ``variables`` override every other source."""
        self._cli.apply(skip_plan=True, watch=_Watch(progress), **self._options(variables))

    def destroy(self, variables: Mapping[str, object], progress: Progress) -> None:
        """Remove everything that the state knows."""
        # Terraform has no -force any more.
        options = self._options(variables)
        self._cli.destroy(force=None, auto_approve=IsFlagged, watch=_Watch(progress), **options)

    def pending_changes(self, variables: Mapping[str, object]) -> list[str]:
        """Addresses of the resources that an apply would change; empty when there is no drift."""
        watch = _Watch()
        self._cli.plan(detailed_exitcode=None, watch=watch, **self._options(variables))
        return watch.planned

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


def _last_lines(text: str, count: int = _TAIL_LINES) -> str:
    return "\n".join(text.strip().splitlines()[-count:])
