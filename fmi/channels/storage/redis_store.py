"""Redis (or Valkey) as a store: every key is a stream of one entry, because a stream can be waited for.

A rank blocks in XREAD until one of the keys it watches gets a new entry, so nothing is asked twice. All keys
expire, so that a world that dies leaves nothing behind. All keys of a world have one hash tag, so that they
lie on one node of a cluster: Redis waits for several keys at once only there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fmi.channels.base import Channel, World
from fmi.channels.storage.channel import Storage
from fmi.channels.storage.store import Known, Store
from fmi.config import seconds
from fmi.errors import ChannelError, ConfigError

try:
    import redis

    from fmi.channels.storage._redis_client import check_eviction, connect_to, responsible_for
except ImportError as error:
    raise ConfigError(
        "the Redis channel needs the Redis client: .venv/bin/pip install -c constraints.txt -e '.[redis]', "
        'or set "enabled": "false" under backends.Redis'
    ) from error

# Longer than a rank computes between two operations: a message that nobody has read by then is gone.
DEFAULT_EXPIRE_MS = 3_600_000
_FIELD = b"d"
# Keys begin with fmi/ and the world, see `fmi.channels.storage._signing`.
_TAGGED_PARTS = 2


def open_channel(world: World, settings: Mapping[str, Any]) -> Channel:
    """The channel that the configuration calls Redis."""
    return Storage(world, RedisStore(settings, world.config.setup_s), settings)


class RedisStore(Store):
    """Keys in one Redis database.

    Args:
        settings: `url` (redis:// or rediss://), or `host`, `port`, `username`, `password`, `tls` and `db`;
            `expire`: milliseconds after which a key is gone; `allow_eviction`: whether the server may throw
            away what it has no room for.
        stall_s: limit for one answer of the server, where the settings have no `stall_timeout`.
    """

    def __init__(self, settings: Mapping[str, Any], stall_s: float) -> None:
        self._expire_ms = int(1000 * seconds(settings, "expire", DEFAULT_EXPIRE_MS / 1000))
        self._settings = settings
        self._is_ready = False
        self._client, self._name = connect_to(settings, seconds(settings, "stall_timeout", stall_s))
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
        with self._asking(next(iter(items))) as pipe:
            for key, data in items.items():
                pipe.xadd(_tagged(key), {_FIELD: data}, maxlen=1, approximate=False)
                pipe.pexpire(_tagged(key), self._expire_ms)
            _execute(pipe)

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
        with self._asking(next(iter(entries))) as pipe:
            pipe.xread({_tagged(key): entry for key, entry in entries.items()}, block=block_ms)
            streams = _execute(pipe)[-1] or []
        found = {}
        for name, content in streams.items() if isinstance(streams, dict) else streams:
            key = _untagged(name.decode())
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
            self._prepare(key)
            self._client.set(_tagged(key), b"", px=int(1000 * seconds))
        return True

    def is_alive(self, key: str) -> bool:
        """Whether such a key exists."""
        with self._naming_errors():
            self._prepare(key)
            return bool(self._client.exists(_tagged(key)))

    def close(self) -> None:
        """Delete what is no longer wanted and close the connections."""
        try:
            with self._asking() as pipe:
                _execute(pipe)
        finally:
            self._client.close()

    def _prepare(self, key: str) -> None:
        """Before the first question, see whom to ask and whether its answers can be relied on."""
        if not self._is_ready:
            self._client = responsible_for(self._client, _tagged(key))
            check_eviction(self._client, self._settings, self._name)
            self._is_ready = True

    @contextlib.contextmanager
    def _asking(self, key: str | None = None) -> Iterator[Any]:
        """A pipeline that begins with the deletions that are due; `key` is one of those that it is about."""
        unwanted, self._unwanted = self._unwanted, []
        with self._naming_errors():
            if key is not None:
                self._prepare(key)
            with self._client.pipeline(transaction=False) as pipe:
                if unwanted:
                    pipe.unlink(*map(_tagged, unwanted))
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


def _execute(pipe: Any) -> list[Any]:  # noqa: ANN401 - redis' own types differ between its releases
    """Answers of the server. The client's own error would quote the command with its data."""
    answers: list[Any] = pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def _tagged(key: str) -> str:
    """A key of the store as the server knows it: what stands in braces decides where in a cluster it lies."""
    parts = key.split("/", _TAGGED_PARTS)
    return "/".join(["{" + "/".join(parts[:_TAGGED_PARTS]) + "}", *parts[_TAGGED_PARTS:]])


def _untagged(key: str) -> str:
    return key.replace("{", "", 1).replace("}", "", 1)
