"""Redis (or Valkey) as a store: every key is a stream of one entry, because a stream can be waited for.

A rank blocks in XREAD until one of the keys it watches gets a new entry, so nothing is asked twice. All keys
expire, so that a world that dies leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fmi.channels.base import Channel, World
from fmi.channels.storage._watch import LOOK_EVERY_S
from fmi.channels.storage.channel import Storage
from fmi.channels.storage.store import Known, Store
from fmi.config import is_on, seconds, whole_number
from fmi.errors import ChannelError, ConfigError

try:
    import redis
    from redis.backoff import ExponentialBackoff
    from redis.retry import Retry
except ImportError as error:
    raise ConfigError(
        "the Redis channel needs the Redis client: .venv/bin/pip install -c constraints.txt -e '.[redis]', "
        'or set "enabled": "false" under backends.Redis'
    ) from error

DEFAULT_PORT = 6379
# Longer than a rank computes between two operations: a message that nobody has read by then is gone.
DEFAULT_EXPIRE_MS = 3_600_000
_FIELD = b"d"
_ATTEMPTS = 3
# The client's own 32 KiB costs large messages half of their speed.
READ_BYTES = 1 << 20


def open_channel(world: World, settings: Mapping[str, Any]) -> Channel:
    """The channel that the configuration calls Redis."""
    return Storage(world, RedisStore(settings, world.config.setup_s), settings)


class RedisStore(Store):
    """Keys in one Redis database.

    Args:
        settings: `url` (redis:// or rediss://), or `host`, `port`, `username`, `password`, `tls` and `db`;
            `expire`: milliseconds after which a key is gone.
        stall_s: limit for one answer of the server, where the settings have no `stall_timeout`.
    """

    def __init__(self, settings: Mapping[str, Any], stall_s: float) -> None:
        self._expire_ms = int(1000 * seconds(settings, "expire", DEFAULT_EXPIRE_MS / 1000))
        self._client, self._name = _client(settings, seconds(settings, "stall_timeout", stall_s))
        self._entries: dict[str, bytes] = {}
        self._unwanted: list[str] = []
        self._silent = ""

    def put(self, key: str, data: bytes) -> None:
        """Keep the bytes under a key."""
        self.put_all({key: data})

    def put_all(self, items: Mapping[str, bytes]) -> None:
        """Keep several pieces in one exchange with the server."""
        if not items:
            return
        with self._asking() as pipe:
            for key, data in items.items():
                pipe.xadd(key, {_FIELD: data}, maxlen=1, approximate=False)
                pipe.pexpire(key, self._expire_ms)
            pipe.execute()

    def get(self, key: str) -> bytes | None:
        """What the key holds."""
        return self.get_all([key]).get(key)

    def get_all(self, keys: Iterable[str]) -> dict[str, bytes]:
        """What these keys hold, in one exchange."""
        return self._read(dict.fromkeys(keys, b"0"), None)

    def watch(self, urgent: Known, others: Known, until: float) -> dict[str, bytes]:
        """Wait in the server until one of the keys holds something new."""
        known = {**urgent, **others}
        entries = {key: self._entries.get(key, b"0") if known[key] else b"0" for key in known}
        left_ms = int(1000 * (until - time.monotonic()))
        return self._read(entries, left_ms if left_ms > 0 else None)

    def _read(self, entries: Mapping[str, bytes], block_ms: int | None) -> dict[str, bytes]:
        if not entries:
            return {}
        with self._asking() as pipe:
            pipe.xread(dict(entries), block=block_ms)
            streams = pipe.execute()[-1] or []
        found = {}
        for name, content in streams.items() if isinstance(streams, dict) else streams:
            key = name.decode()
            self._entries[key], fields = content[-1]
            found[key] = fields[_FIELD]
        return found

    def delete(self, key: str) -> None:
        """Forget a key."""
        self.delete_all([key])

    def delete_all(self, keys: Iterable[str]) -> None:
        """Forget keys together with the next exchange."""
        self._unwanted += keys
        for key in self._unwanted:
            self._entries.pop(key, None)

    def keep_alive(self, key: str, seconds: float) -> bool:
        """Have a key exist for so long."""
        with self._naming_errors():
            self._client.set(key, b"", px=int(1000 * seconds))
        return True

    def is_alive(self, key: str) -> bool:
        """Whether such a key exists."""
        with self._naming_errors():
            return bool(self._client.exists(key))

    def close(self) -> None:
        """Delete what is no longer wanted and close the connections."""
        try:
            with self._asking() as pipe:
                pipe.execute()
        finally:
            self._client.close()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Any]:
        """A pipeline that begins with the deletions that are due."""
        unwanted, self._unwanted = self._unwanted, []
        with self._naming_errors(), self._client.pipeline(transaction=False) as pipe:
            if unwanted:
                pipe.unlink(*unwanted)
            yield pipe

    @contextlib.contextmanager
    def _naming_errors(self) -> Iterator[None]:
        if self._silent:  # whoever has waited for an answer in vain need not do so again to say goodbye
            raise ChannelError(self._silent)
        try:
            yield
        except redis.RedisError as error:
            text = f"Redis at {self._name}: {error}"
            if isinstance(error, redis.TimeoutError):
                self._silent = text
            raise ChannelError(text) from error


def _client(settings: Mapping[str, Any], stall_s: float) -> tuple[redis.Redis, str]:
    """A client, which connects when first used, and the server's address for messages."""
    common: dict[str, Any] = {
        "protocol": 2,
        # What took too long once is not tried again: it would take as much longer as there are attempts.
        "retry": Retry(ExponentialBackoff(cap=1.0, base=0.05), _ATTEMPTS, (redis.ConnectionError,)),
        # A blocked read is answered within LOOK_EVERY_S.
        "socket_timeout": stall_s + 2 * LOOK_EVERY_S,
        "socket_connect_timeout": stall_s,
        "socket_read_size": READ_BYTES,
    }
    url = settings.get("url")
    if url:
        try:
            client = redis.Redis.from_url(str(url), **common)
        except ValueError as error:
            raise ConfigError(f"url under backends.Redis: {error}") from error
        return client, str(url).rpartition("@")[2].removeprefix("redis://").removeprefix("rediss://")
    host = str(settings.get("host") or "127.0.0.1")
    port = whole_number(settings.get("port", DEFAULT_PORT), "port", 1, 65535)
    client = redis.Redis(
        host,
        port,
        whole_number(settings.get("db", 0), "db", 0),
        username=settings.get("username") or None,
        password=settings.get("password") or None,
        ssl=is_on(settings.get("tls", False)),
        **common,
    )
    return client, f"{host}:{port}"
