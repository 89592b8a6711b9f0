"""Configuration: an fmi.json (or a dict of the same shape) and environment variables.

    {"backends": {"Direct": {"enabled": "true", "host": "rendezvous.example.org", "port": 10000,
                             "max_timeout": 30000, "peer_timeout": 300000},
                  "Redis": {"enabled": "false", "host": "127.0.0.1", "port": 6379}},
     "model": {...}, "secret": "..."}

`backends` has one object for each channel, with its settings; without any, Direct is enabled.
Numbers may be strings; times are milliseconds, as in the original. `max_timeout` limits setting a
connection up, and an answer of a storage service; `peer_timeout` limits the wait for a rank that comes late,
computes for long or pauses in the middle of a message, which is no fault. `setup_timeout` and `stall_timeout`
(a transfer that has stalled) override these. `protocol` is the rendezvous protocol's version, 1 or 2.

The environment that an executor sets (FMI_SECRET, RENDEZVOUS_HOST, RENDEZVOUS_PORT) wins over a file, which
may have been written for another deployment; a dict that the program passes wins over the environment.
"""

from __future__ import annotations

import json
import logging
import os
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fmi import config_file
from fmi.errors import ConfigError

log = logging.getLogger("fmi")

DEFAULT_PATH = Path(__file__).with_name("fmi.json")
DEFAULT_MAX_TIMEOUT_MS = 30_000
DEFAULT_PEER_TIMEOUT_MS = 300_000
DEFAULT_PORT = 10_000
DEFAULT_PROBE_BYTES = 65_536
SECRET_BITS = 128
# A random one with fewer different characters is as good as impossible.
SECRET_CHARACTERS = 8

Source = str | os.PathLike[str] | Mapping[str, Any] | None


@dataclass(frozen=True)
class Config:
    """What a communicator needs to know; times in seconds.

    Attributes:
        host, port: the rendezvous server.
        secret: what the ranks of one world share; pairing names and proofs are derived from it.
        setup_s: limit for reaching the rendezvous server and for setting a connection up.
        peer_s: limit for waiting for another rank.
        stall_s: limit for a message that has begun and has stalled. It is peer_s by default: the sender may
            be in a long call that holds Python's lock, and a host that is gone is noticed by its silence.
        protocol: rendezvous protocol version, 1 or 2.
        probe_bytes: a new connection carries this much both ways before it is used.
        channels: the enabled channels' names and settings, in the configuration's order.
        model: latency and price constants for choosing a channel.
        faas_memory: memory of each rank's function in MiB, for the prices.
        place: the executor's name for the world (FMI_COMM_NAME), whatever the script names its communicators,
            this process' rank in it (RANK), and its size (WORLD_SIZE); None without an executor.
    """

    host: str
    port: int
    secret: bytes = field(repr=False)
    setup_s: float = DEFAULT_MAX_TIMEOUT_MS / 1000
    peer_s: float = DEFAULT_PEER_TIMEOUT_MS / 1000
    stall_s: float = DEFAULT_PEER_TIMEOUT_MS / 1000
    protocol: int = 2
    probe_bytes: int = DEFAULT_PROBE_BYTES
    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"Direct": {}}, repr=False)
    model: Mapping[str, Any] = field(default_factory=dict, repr=False)
    faas_memory: int = 128
    place: tuple[str, int, int] | None = None


def load(source: Source, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read an fmi.json (see `fmi.config_file`), or copy a dict; None reads the default.

    Raises:
        ConfigError: names the file, or the places where it is not.
    """
    if isinstance(source, Mapping):
        return dict(source)
    if source is None:
        path = DEFAULT_PATH
    else:
        path = config_file.find(source, os.environ if environment is None else environment)
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read the FMI configuration {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"the FMI configuration {path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"the FMI configuration {path} is not a JSON object")
    return content


def resolve(
    source: Source, environment: Mapping[str, str] | None = None, override: bool | None = None
) -> Config:
    """Make a Config from a source and the environment.

    Args:
        source: path of an fmi.json, a dict of that shape, or None for the default.
        environment: whose FMI_SECRET, RENDEZVOUS_HOST and RENDEZVOUS_PORT count; None takes the process'.
        override: whether the environment wins, or only fills gaps; None lets it win over all but a dict.

    Raises:
        ConfigError: with one sentence that says what to change.
    """
    environment = os.environ if environment is None else environment
    content = load(source, environment)
    channels = _enabled(parts(content, "backends"))
    direct = channels.get("Direct", {})
    wins = not isinstance(source, Mapping) if override is None else override
    config = _config(content, channels, direct, _Choice(environment, wins))
    if source is not None and not isinstance(source, Mapping):
        _say_what_won(config, direct, source)
    return config


class _Choice(NamedTuple):
    """Chooses between the environment and the configuration, for settings that both may have."""

    environment: Mapping[str, str]
    wins: bool

    def __call__(self, name: str, written: object, default: object) -> object:
        from_environment = self.environment.get(name) or None
        candidates = (from_environment, written) if self.wins else (written, from_environment)
        return next((value for value in candidates if value not in (None, "")), default)


def _config(
    content: Mapping[str, Any],
    channels: Mapping[str, Mapping[str, Any]],
    direct: Mapping[str, Any],
    choose: _Choice,
) -> Config:
    max_timeout = direct.get("max_timeout", DEFAULT_MAX_TIMEOUT_MS)
    peer_timeout = direct.get("peer_timeout", DEFAULT_PEER_TIMEOUT_MS)
    secret = choose("FMI_SECRET", content.get("secret"), "")
    return Config(
        host=str(choose("RENDEZVOUS_HOST", direct.get("host"), "127.0.0.1")),
        port=whole_number(choose("RENDEZVOUS_PORT", direct.get("port"), DEFAULT_PORT), "port", 1, 65535),
        secret=secret if isinstance(secret, bytes) else str(secret).encode(),
        setup_s=whole_number(direct.get("setup_timeout", max_timeout), "setup_timeout", 1) / 1000,
        peer_s=whole_number(peer_timeout, "peer_timeout", 1) / 1000,
        stall_s=whole_number(direct.get("stall_timeout", peer_timeout), "stall_timeout", 1) / 1000,
        protocol=whole_number(direct.get("protocol", 2), "protocol", 1, 2),
        probe_bytes=whole_number(direct.get("probe_bytes", DEFAULT_PROBE_BYTES), "probe_bytes", 0, 1 << 24),
        channels=channels,
        model=parts(content, "model"),
        place=_place(choose.environment),
    )


def _place(environment: Mapping[str, str]) -> tuple[str, int, int] | None:
    name, rank, size = (environment.get(each, "") for each in ("FMI_COMM_NAME", "RANK", "WORLD_SIZE"))
    return (name, int(rank), int(size)) if name and rank.isdecimal() and size.isdecimal() else None


def _say_what_won(config: Config, direct: Mapping[str, Any], source: str | os.PathLike[str]) -> None:
    used = f"{config.host}:{config.port}"
    written = f"{direct.get('host', config.host)}:{direct.get('port', config.port)}"
    if used != written:
        log.warning(
            "the rendezvous server is %s, as RENDEZVOUS_HOST and RENDEZVOUS_PORT say, not %s of %s",
            used,
            written,
            os.fspath(source),
        )


def require_secret(config: Config) -> None:
    """Raise ConfigError unless there is a secret of 128 bits; only a world of one rank can do without.

    Who is named as a peer gets a proof, against which secrets can be tried without asking anybody.
    """
    what = _too_weak(config.secret)
    if what:
        raise ConfigError(
            f'{what}: set the environment variable FMI_SECRET, or "secret" in the FMI configuration, '
            "to the same random text on every rank "
            "(python -c 'import secrets; print(secrets.token_hex(32))')"
        )


def _too_weak(secret: bytes) -> str:
    """What is wrong with a secret; empty where nothing is.

    128 bits are 32 hexadecimal digits, 22 letters and digits, or 16 bytes of any kind. Whether people made
    the text up cannot be seen in it.
    """
    if not secret:
        return "no secret"
    is_hexadecimal = all(byte in string.hexdigits.encode() for byte in secret)
    bits = len(secret) * (4 if is_hexadecimal else 6 if secret.isascii() else 8)
    if bits < SECRET_BITS:
        return f"a secret of {bits} bits at the most, where {SECRET_BITS} are needed"
    return "" if len(set(secret)) >= SECRET_CHARACTERS else "a secret that repeats a few characters"


def is_on(value: object) -> bool:
    """Whether a setting, which may be text, is true."""
    return str(value).lower() in ("true", "1", "yes")


def seconds(settings: Mapping[str, Any], name: str, default: float) -> float:
    """A limit that is given in milliseconds. Raises ConfigError."""
    return whole_number(settings[name], name, 1) / 1000 if name in settings else default


def parts(content: Mapping[str, Any], name: str) -> Mapping[str, Mapping[str, Any]]:
    """`backends` or `model` of a configuration, each an object of objects. Raises ConfigError."""
    found = content.get(name) or {}
    if not isinstance(found, Mapping) or not all(isinstance(each, Mapping) for each in found.values()):
        raise ConfigError(
            f'"{name}" in the FMI configuration has one object for each channel, such as '
            f'{{"{name}": {{"Direct": {{...}}}}}}'
        )
    return found


def _enabled(backends: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    if not backends:
        return {"Direct": {}}
    enabled = {name: settings for name, settings in backends.items() if is_on(settings.get("enabled", True))}
    if not enabled:
        raise ConfigError('no channel is enabled: set "enabled": "true" under backends.Direct')
    return enabled


def whole_number(value: object, name: str, low: int, high: int | None = None) -> int:
    """A setting that may be text, or a ConfigError that names it."""
    try:
        number = int(str(value))
    except ValueError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        limits = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ConfigError(f"{name} in the FMI configuration is a whole number {limits}, not {value!r}")
    return number
