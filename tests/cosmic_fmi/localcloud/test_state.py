"""The state file of a daemon."""

import subprocess
import sys
from pathlib import Path

from cosmic_fmi.localcloud.state import DaemonState


def test_state_of_a_process_that_is_gone(tmp_path: Path) -> None:
    state = DaemonState.of_this_process(
        1, "id", code_root=tmp_path, state_dir=tmp_path, key="key", runtime="process"
    )
    state.write(tmp_path)
    assert DaemonState.read(tmp_path) == state
    assert state.process() is not None
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert DaemonState(gone.pid, 0.0, 1, "id", ".", ".", "key").process() is None
    state.remove(tmp_path)
    assert DaemonState.read(tmp_path) is None
