"""A client of the right Redis server, and whether that server keeps what it is given."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from fmi.channels.storage.channel import LOOK_EVERY_S
from fmi.config import is_on, whole_number
from fmi.errors import ChannelError, ConfigError

DEFAULT_PORT = 6379
_ATTEMPTS = 3
# The client's own 32 KiB costs large messages half of their speed.
READ_BYTES = 1 << 20
_log = logging.getLogger("fmi")


def connect_to(settings: Mapping[str, Any], stall_s: float) -> tuple[redis.Redis, str]:
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


def responsible_for(client: redis.Redis, key: str) -> redis.Redis:
    """The client itself, or one of the node of its cluster that has this key and all with the same tag."""
    try:
        client.exists(key)
    except redis.exceptions.MovedError as moved:
        pool = client.connection_pool
        place = {"host": moved.host or pool.connection_kwargs["host"], "port": moved.port}
        client.close()
        return redis.Redis.from_pool(
            redis.ConnectionPool(pool.connection_class, **{**pool.connection_kwargs, **place})
        )
    return client


def check_eviction(client: redis.Redis, settings: Mapping[str, Any], name: str) -> None:
    """See that the server refuses what it has no room for, rather than forget what nobody has read yet.

    Raises:
        ChannelError: it would forget, and the settings do not say that this is accepted.
    """
    try:
        memory = client.info("memory")
    except redis.ResponseError:  # not everybody may ask
        return
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy == "noeviction" or not memory.get("maxmemory"):
        return
    what = (
        f"Redis at {name} may throw messages away that nobody has read: when its maxmemory of "
        f"{memory['maxmemory'] / 2**20:.0f} MiB is full it goes by maxmemory-policy {policy}"
    )
    if not is_on(settings.get("allow_eviction", False)):
        raise ChannelError(
            f'{what}; set the policy to noeviction, or "allow_eviction": "true" under backends.Redis'
        )
    _log.warning("%s", what)
