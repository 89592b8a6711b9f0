"""What comes back of a function's ranks, and what is said where it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import cosmic_fmi
from cosmic_fmi.api.on_rank import RAISED, RETURNED
from cosmic_fmi.api.returned import error_of, values
from tests.cosmic_fmi.experiment.support import rows


def ended(folder: Path, ranks: list[dict[str, Any]] | None = None, **changes: object) -> cosmic_fmi.Run:
    return cosmic_fmi.Run(rows.row("pi-w2-1", **changes), folder, ranks or [])


def leave(run: cosmic_fmi.Run, rank: int, name: str, data: bytes) -> None:
    path = run.files_folder / str(rank) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def raised(kind: str, at: float, *, is_fmi: bool = False) -> bytes:
    said = {"type": kind, "message": "bad", "traceback": f"{kind}: bad\n", "at": at, "is_fmi": is_fmi}
    return json.dumps(said).encode()


def test_values_are_in_the_order_of_ranks(tmp_path: Path) -> None:
    run = ended(tmp_path)
    for rank in (1, 0):
        leave(run, rank, RETURNED, cloudpickle.dumps({"rank": rank}))
    assert values(run) == [{"rank": 0}, {"rank": 1}]


def test_a_value_that_did_not_come_is_an_error(tmp_path: Path) -> None:
    run = ended(tmp_path)
    leave(run, 0, RETURNED, cloudpickle.dumps(1))
    with pytest.raises(cosmic_fmi.RunError, match="what rank 1 returned did not come back"):
        values(run)


def test_a_value_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    run = ended(tmp_path)
    leave(run, 0, RETURNED, cloudpickle.dumps(1)[:-3])
    with pytest.raises(cosmic_fmi.FunctionError, match="what rank 0 returned cannot be read here"):
        values(run)


def test_sys_exit_is_no_value(tmp_path: Path) -> None:
    run = ended(tmp_path)
    leave(run, 0, RETURNED, cloudpickle.dumps(1))
    leave(run, 1, RAISED, raised("SystemExit", 1.0))
    with pytest.raises(cosmic_fmi.RankError, match="rank 1 of 2 failed: SystemExit: bad"):
        values(run)


def test_the_cause_comes_before_what_it_did_to_others(tmp_path: Path) -> None:
    run = ended(tmp_path, status="failed", error="rank 0 failed")
    leave(run, 0, RAISED, raised("PeerLost", 1.0, is_fmi=True))
    leave(run, 1, RAISED, raised("ValueError", 2.0))
    error = error_of(run)
    assert isinstance(error, cosmic_fmi.RankError)
    assert (error.rank, error.kind, error.traceback) == (1, "ValueError", "ValueError: bad\n")
    assert error.run is run


def test_a_script_s_error_has_what_its_rank_printed_last(tmp_path: Path) -> None:
    ranks = [
        {"rank": rank, "status": "failed", "error_type": kind, "error_message": said}
        for rank, kind, said in ((0, "Aborted", "a peer is gone"), (1, "KeyError", "'star'"))
    ]
    run = ended(tmp_path, ranks, status="failed", error="RankFailure: rank 1 failed: KeyError: 'star'")
    log = tmp_path / "logs" / "pi-w2-1" / "1.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo\n")
    error = error_of(run)
    assert isinstance(error, cosmic_fmi.RankError)
    assert (error.rank, error.kind, error.traceback) == (1, "KeyError", "one\ntwo")


def test_without_a_rank_it_is_the_execution_s(tmp_path: Path) -> None:
    error = error_of(ended(tmp_path, status="failed", error="Initialize: there is no bucket"))
    assert not isinstance(error, cosmic_fmi.RankError)
    assert str(error) == "Initialize: there is no bucket"
