"""The Docker engine of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import docker
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, NotFound

from cosmic_fmi.localcloud.sandbox.base import CannotStartError

LABEL = "org.cosmic-fmi.localcloud"
"""On every container: the state folder of the embedded AWS that it belongs to."""

_PARALLEL_CALLS = 64


class EngineError(CannotStartError):
    """There is no engine, or it refuses; the message says what to change."""


class Engine:
    """A connection to the engine that `docker` on the command line talks to; `owner` labels the containers.

    Raises EngineError where none answers.
    """

    def __init__(self, owner: Path) -> None:
        self._owner = str(owner)
        try:
            self.api = docker.APIClient(
                base_url=_address(), version="auto", timeout=60, max_pool_size=_PARALLEL_CALLS
            )
            self._info: dict[str, Any] = self.api.info()
        except DockerException as error:
            raise EngineError(
                "no Docker engine answers: start Docker (Docker Desktop, or `sudo systemctl start docker`), "
                f"make sure that `docker info` works for you, or do without containers ({error})"
            ) from error

    @property
    def cpus(self) -> float:
        """Processors that containers share; 0 where the engine cannot limit their use."""
        return float(self._info["NCPU"]) if self._info.get("CpuCfsQuota") else 0.0

    def image(self, uri: str) -> str:
        """The id of an image that is here: by name, or, whatever the name, by the id behind its "@".

        Raises EngineError where there is none: nothing is ever pulled.
        """
        for name in (uri, uri.rpartition("@")[2]):
            try:
                return str(self.api.inspect_image(name)["Id"])
            except NotFound:
                continue
            except APIError as error:
                if error.status_code != 400:  # an id is no valid name to some versions, nor a name an id
                    raise
        raise EngineError(f"Source image {uri} does not exist: it is not in this machine's Docker engine")

    def create(self, image: str, command: list[str], variables: dict[str, str], **host: object) -> str:
        """A container that is not started yet; its id. `host` is for docker-py's create_host_config.

        It shares the machine's network, cannot write outside /tmp, and cannot gain privileges.
        """
        config = self.api.create_host_config(
            network_mode="host",
            read_only=True,
            init=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            log_config={"Type": "none"},
            **host,
        )
        created = self.api.create_container(
            self.image(image),
            command or None,
            environment=variables,
            labels={LABEL: self._owner},
            host_config=config,
        )
        return str(created["Id"])

    def remove(self, container: str) -> None:
        """End and remove a container, if it exists."""
        try:
            self.api.remove_container(container, force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != 409:  # "removal is already in progress"
                raise

    def remove_all(self) -> int:
        """Remove every container of this owner, those of a daemon that was killed too; how many."""
        found = self.api.containers(all=True, quiet=True, filters={"label": f"{LABEL}={self._owner}"})
        for one in found:
            self.remove(one["Id"])
        return len(found)

    def close(self) -> None:
        """Close the connections."""
        self.api.close()


def _address() -> str | None:
    """DOCKER_HOST, else the current context's endpoint (Docker Desktop, Colima and rootless have one)."""
    if named := os.environ.get("DOCKER_HOST"):
        return named
    context = ContextAPI.get_current_context()
    return context.Host if context else None
