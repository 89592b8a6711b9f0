"""The course's helper programs in a copy of their folder, with what a user has to edit in them edited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=240, resources={"metadata": {"path": "."}}).execute()
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        print(output.get("text", ""), end="")
"""


@dataclass(frozen=True)
class Programs:
    """``folder`` is the copy; ``environment`` lets boto3 find the AWS to ask."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def copy(cls, source: Path, target: Path, environment: Mapping[str, str]) -> Programs:
        """Copy the programs without the results that the course published with them."""
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("result-partition-*", "*.csv"))
        (target / "results").mkdir(exist_ok=True)
        return cls(target, environment)

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace what stands in a program, which has to be there; in a notebook it may be any cell's."""
        path = self.folder / name
        quoted = [json.dumps(text)[1:-1] if path.suffix == ".ipynb" else text for text in (before, after)]
        text = path.read_text()
        assert quoted[0] in text, f"{name} has no {before!r} to edit: was it changed?"
        path.write_text(text.replace(quoted[0], quoted[1]))

    def python(self, name: str) -> str:
        """Run a program; what it printed."""
        return self._run([sys.executable, "-W", "ignore", name])

    def notebook(self, name: str) -> str:
        """Execute a notebook; what its cells printed."""
        return self._run([sys.executable, "-W", "ignore", "-c", _EXECUTE, name])

    def _run(self, command: list[str]) -> str:
        private = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR")
        folders = {name: str(self.folder.with_name(name)) for name in private}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "MPLBACKEND": "agg", **folders, **self.environment},
            capture_output=True,
            text=True,
            timeout=290,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def synced(folder: Path, keys: list[str], read: Callable[[str], str]) -> None:
    """What ``aws s3 sync`` does: each object at the path that is its key."""
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(read(key))
