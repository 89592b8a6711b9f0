from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from fmi.protocol.tcpunch import Address
from tests.fmi.support.services import CREDENTIALS, Services, running_services
from tests.fmi.support.worlds import World, serving


@pytest.fixture(scope="session")
def address() -> Iterator[Address]:
    """Where a rendezvous server runs for all tests."""
    with serving() as server:
        yield server.address


@pytest.fixture
def world(address: Address) -> Iterator[Callable[..., World]]:
    """Make a world that is closed after the test."""
    with ExitStack() as stack:

        def make(size: int, **direct: int) -> World:
            return stack.enter_context(World(size, address, "", **direct))

        yield make


@pytest.fixture(scope="module")
def kept_worlds(address: Address) -> Iterator[dict[int, World]]:
    """Worlds of every size that live as long as a module's tests; no test may break one."""
    with ExitStack() as stack:
        yield {size: stack.enter_context(World(size, address)) for size in range(1, 9)}


@pytest.fixture(scope="session")
def servers(address: Address) -> Iterator[Services]:
    """The services behind the channels, for all tests."""
    with running_services(address) as services:
        yield services


@pytest.fixture(scope="module")
def services(servers: Services) -> Iterator[Services]:
    """The same, with credentials in the environment, as the S3 channel finds them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield servers


@pytest.fixture
def channel_world(services: Services) -> Iterator[Callable[..., World]]:
    """Make a world over these channels that is closed after the test."""
    with ExitStack() as stack:

        def make(size: int, *channels: str, **settings: int) -> World:
            return stack.enter_context(World(size, services.config(*channels, **settings)))

        yield make
