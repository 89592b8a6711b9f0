"""Where a script's fmi.json is found, and what wins over it."""

from __future__ import annotations

import json
import logging
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fmi
from fmi import config
from fmi.protocol.tcpunch import Address

INT = fmi.types(fmi.datatypes.int)
SCRIPT = "bundles/my work/Inference/run.py"
BUNDLE = {"SCRIPT": SCRIPT, "S3_OBJECT_NAME": "my work/"}


def write(path: Path, host: str, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    direct = {"enabled": True, "host": host, "port": 10000}
    path.write_text(json.dumps({"backends": {"Direct": direct}, **more}))
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, which is not the script's."""
    folder = tmp_path / "working"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def in_bundle(place: Path, more: dict[str, str] | None = None) -> dict[str, str]:
    return {**BUNDLE, "SCRIPT": str(place.parent / SCRIPT), **(more or {})}


def test_the_working_folder_comes_first_then_the_bundle_from_the_script_up_then_fmi_config(
    place: Path,
) -> None:
    bundle = place.parent / "bundles/my work"
    environment = in_bundle(place, {"FMI_CONFIG": str(place.parent / "executor.json")})
    write(place.parent / "bundles/config/fmi.json", "outside.the.bundle")
    found = []
    for path, host in [
        (place.parent / "executor.json", "executor"),
        (bundle / "config/fmi.json", "bundle"),
        (bundle / "Inference/config/fmi.json", "script"),
        (place / "config/fmi.json", "working"),
    ]:
        write(path, host)
        found.append(config.resolve("config/fmi.json", environment).host)
    assert found == ["executor", "bundle", "script", "working"]


def test_a_plain_script_finds_the_file_beside_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place.parent / "elsewhere/fmi.json", "beside")
    monkeypatch.setattr(sys, "argv", [str(place.parent / "elsewhere/script.py")])
    assert config.resolve("fmi.json", {}).host == "beside"


def test_an_absolute_path_that_is_not_there_gives_way_to_fmi_config(place: Path) -> None:
    executor = write(place.parent / "executor.json", "executor")
    missing = place / "Anomaly Detection/config/fmi.json"
    assert config.resolve(missing, {"FMI_CONFIG": str(executor)}).host == "executor"
    write(missing, "there")
    assert config.resolve(missing, {"FMI_CONFIG": str(executor)}).host == "there"


def test_the_error_names_every_place(place: Path) -> None:
    with pytest.raises(fmi.ConfigError) as caught:
        config.resolve("fmi.json", in_bundle(place, {"FMI_CONFIG": "/nowhere/else.json"}))
    bundle = place.parent / "bundles/my work"
    for path in (place, bundle / "Inference", bundle):
        assert str(path / "fmi.json") in str(caught.value)
    assert "/nowhere/else.json" in str(caught.value)
    with pytest.raises(fmi.ConfigError, match=r"FMI_CONFIG is not set\. Put the file into"):
        config.resolve("fmi.json", {})


def test_the_environment_wins_over_a_file_and_one_line_says_so(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(place / "fmi.json", "rendezvous.example.org", secret="of the file")
    environment = {
        "RENDEZVOUS_HOST": "10.1.2.3",
        "RENDEZVOUS_PORT": "10001",
        "FMI_SECRET": "of the execution",
    }
    with caplog.at_level(logging.WARNING, "fmi"):
        found = config.resolve("fmi.json", environment)
    assert (found.host, found.port, found.secret) == ("10.1.2.3", 10001, b"of the execution")
    (line,) = caplog.messages
    assert re.search(
        r"10\.1\.2\.3:10001.*RENDEZVOUS_HOST.*not rendezvous\.example\.org:10000 of fmi\.json", line
    )


def test_nothing_is_said_where_they_agree(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(place / "fmi.json", "10.1.2.3")
    config.resolve("fmi.json", {"RENDEZVOUS_HOST": "10.1.2.3"})
    config.resolve(None, {"RENDEZVOUS_HOST": "10.1.2.3"})
    assert not caplog.messages


def test_two_executions_with_the_scripts_own_name_stay_apart(
    place: Path, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both call it fmi_pair, as the course's scripts do; the executor gives each a secret."""
    write(place / "fmi.json", "rendezvous.invalid")
    monkeypatch.setenv("RENDEZVOUS_HOST", address.host)
    monkeypatch.setenv("RENDEZVOUS_PORT", str(address.port))

    def execution(secret: str) -> list[fmi.Communicator]:
        monkeypatch.setenv("FMI_SECRET", secret)
        return [fmi.Communicator(rank, 2, "fmi.json", "fmi_pair", 512) for rank in range(2)]

    parts = [
        (comm, value)
        for secret, value in (("one secret of 22 bytes", 1), ("two secrets of 22 bytes", 10))
        for comm in execution(secret)
    ]
    with ThreadPoolExecutor(4) as pool:
        totals = list(pool.map(lambda part: part[0].allreduce(part[1], fmi.SUM, INT), parts))
    for comm, _ in parts:
        comm.close()
    assert totals == [2, 2, 20, 20]
