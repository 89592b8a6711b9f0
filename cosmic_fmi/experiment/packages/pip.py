"""pip as a subprocess, for the platform of the functions; its failures as sentences."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from cosmic_fmi.experiment.errors import RequirementsError
from cosmic_fmi.experiment.packages.platform import FunctionPlatform
from cosmic_fmi.experiment.packages.requirements_file import NO_DEPENDENCIES, RequirementsFile

PROVIDED = "image"
"""The local part of the version under which pip knows what the functions have already."""
_PROGRAM = Path(__file__).with_name("foreign_pip.py")
_QUIET = ("--no-input", "--disable-pip-version-check", "--no-color")
_UNMATCHED = re.compile(r"No matching distribution found for (.+?)(?: \(from .*\))?$", re.M)
_CONFLICT = re.compile(r"The conflict is caused by:\n((?:[ \t]+\S.*\n)+)")
_PROVIDED = re.compile(rf"The user requested \(constraint\) ([\w.-]+)==(\S+)\+{PROVIDED}")
_LINES_SHOWN = 5


@dataclass(frozen=True)
class Pip:
    """pip, looking for packages of ``file`` that run on ``platform``."""

    file: RequirementsFile
    platform: FunctionPlatform

    def download(self, arguments: Sequence[str], note: Callable[[str], None]) -> None:
        """``pip download`` of wheels; ``note`` is told what is being done.

        Raises :class:`RequirementsError` that names what cannot be had, and why.
        """
        where = ["--only-binary=:all:", "--progress-bar=off", *self._tags(), *arguments]
        status, said = self._run(["download", *where], note)
        if status != 0:
            raise RequirementsError(self._explain(said))

    def _tags(self) -> Iterator[str]:
        if self.platform.tags:
            version = self.platform.markers["python_version"]
            yield from ("--implementation", "cp", "--python-version", version)
            yield from ("--abi", f"cp{version.replace('.', '')}")
            for tag in self.platform.tags:
                yield from ("--platform", tag)

    def _run(self, arguments: Sequence[str], note: Callable[[str], None]) -> tuple[int, str]:
        """pip's exit status and its output."""
        markers = json.dumps(dict(self.platform.markers))
        command = [sys.executable, "-P", str(_PROGRAM), markers, *arguments, *_QUIET]
        said = []
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        ) as process:
            try:
                for line in process.stdout or ():
                    said.append(line)
                    note(line.strip().removeprefix("INFO: "))
            except BaseException:
                process.kill()
                raise
        return process.returncode, "".join(said)

    def _explain(self, said: str) -> str:
        """One sentence, or a few, about what pip failed for."""
        if "No module named pip" in said:
            return "this Python has no pip, which downloads the packages: run `python -m ensurepip`."
        if unmatched := _UNMATCHED.search(said):
            return self._explain_unmatched(unmatched[1])
        if conflict := _CONFLICT.search(said):
            return self._explain_conflict(conflict[1])
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        return f"pip cannot install {self.file.path}: {' '.join(errors[-_LINES_SHOWN:])}"

    def _explain_conflict(self, said: str) -> str:
        reasons = "; ".join(line.strip() for line in said.splitlines())
        reasons = _PROVIDED.sub(r"the functions have \1 \2", reasons)
        return (
            f"the packages of {self.file.path} do not fit together on {self.platform.name}: {reasons}. "
            f"Change the versions, or write `# {NO_DEPENDENCIES}` behind the package that is too strict, and "
            "what else it needs on lines of their own."
        )

    def _explain_unmatched(self, asked: str) -> str:
        functions = f"the functions ({self.platform.name})"
        try:
            versions = self._versions(Requirement(asked))
        except InvalidRequirement:
            versions = []
        if versions:
            return (
                f"{asked} would have to be compiled for {functions}, which is not done here: choose a "
                f"version with a wheel for them in {self.file.path}, or build that wheel and name its path."
            )
        return (
            f"there is no {asked} for {functions}: correct its name or version in {self.file.path}, "
            "or choose one that has a wheel for them."
        )

    def _versions(self, asked: Requirement) -> list[str]:
        """Versions of a package that fit and could be had by compiling them."""
        command = ["index", "versions", "--pre", asked.name, *self.file.index_options]
        status, said = self._run(command, lambda _: None)
        listed = re.search(r"Available versions: (.*)", said)
        found = listed[1].split(", ") if status == 0 and listed else []
        return list(asked.specifier.filter(found, prereleases=True))
