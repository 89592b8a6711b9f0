"""The daemon ends with all of its processes, however that comes."""

import shutil
from pathlib import Path

import psutil
import pytest

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS, client, wait_for
from tests.cosmic_fmi.localcloud.support.daemons import family


def test_stop_leaves_no_process_and_no_state_file(own: EmbeddedAWS) -> None:
    processes = family(own)
    assert len(processes) >= 2
    own.stop()
    assert not [process for process in processes if process.is_running()]
    assert EmbeddedAWS.attach(own.state_dir) is None
    assert not list((own.state_dir / "environments").glob("*"))


def test_sigkill_of_the_daemon_takes_its_children_along(own: EmbeddedAWS) -> None:
    daemon, *children = family(own)
    daemon.kill()
    wait_for(lambda: not [one for one in children if one.is_running()], "the end of the children")
    assert EmbeddedAWS.attach(own.state_dir) is None
    own.stop()
    own.start()
    assert client(own, "lambda").list_functions()["Functions"] == []


@pytest.mark.parametrize("what", ["removed", "moved"])
def test_a_daemon_whose_folder_is_gone_ends(own: EmbeddedAWS, tmp_path: Path, what: str) -> None:
    processes = family(own)
    if what == "removed":
        shutil.rmtree(own.state_dir)
    else:
        own.state_dir.rename(tmp_path / "elsewhere")
        # The folder's new name is another place: its own daemon starts as soon as the other has ended.
        with EmbeddedAWS(tmp_path / "elsewhere", FUNCTIONS) as other:
            assert other.instance_id != own.instance_id
    assert psutil.wait_procs(processes, timeout=15)[1] == []
