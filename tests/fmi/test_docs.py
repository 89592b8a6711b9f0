"""The code in docs/fmi.md runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import fmi
from fmi.protocol.tcpunch import Address
from tests.fmi.support.worlds import PATIENCE_S, World

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "fmi.md").read_text(), re.S)
RESULT = "mean of 4000000 numbers on 4 ranks: +0.00059\n"
SCRIPT, *SNIPPETS = [block for block in BLOCKS if "register_channel" not in block]


def test_the_quick_start_runs_as_four_processes(address: Address, tmp_path: Path) -> None:
    script = tmp_path / "mean.py"
    script.write_text(SCRIPT)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "FMI_SECRET": "a long secret of this test",
        "WORLD_SIZE": "4",
        "RENDEZVOUS_HOST": address.host,
        "RENDEZVOUS_PORT": str(address.port),
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, str(script)],
            env=environment | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(4)
    ]
    try:
        outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in ranks]
    finally:
        for process in ranks:
            process.kill()
    assert outputs == [RESULT, "", "", ""]


def test_the_snippets_run_one_after_the_other(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> None:
        names = {"comm": comm, "fmi": fmi, "np": np}
        for snippet in SNIPPETS:
            exec(snippet, names)  # noqa: S102 - our own documentation

    kept_worlds[4].run(body)
