"""Where the Runtime API of an environment is found: its address holds the secret that it asks for.

There are two ways to say it, because awslambdaric uses AWS_LAMBDA_RUNTIME_API in two ways:

- its C client puts the path behind whatever the variable holds, so ``127.0.0.1:<port>/<secret>`` does; our
  own client does the same, and reports a failed import, too (inside/bootstrap.py).
- unmodified, as in an image, it reports a failed import by ``http.client``, which takes nothing but
  ``<name>:<port>``. A container therefore gets a name that only its own hosts file knows; it comes back in
  the Host header.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

_SECRET_BYTES = 16  # as hexadecimal digits within the 63 characters of a label of a host name


@dataclass(frozen=True)
class RuntimeAddress:
    """The port of 127.0.0.1 on which one environment's API listens, and the secret that it answers to."""

    port: int
    secret: str = field(default_factory=lambda: secrets.token_hex(_SECRET_BYTES), repr=False)

    @property
    def by_path(self) -> str:
        """AWS_LAMBDA_RUNTIME_API of a process of this machine."""
        return f"127.0.0.1:{self.port}/{self.secret}"

    @property
    def host(self) -> str:
        """The name that the hosts file of a container gives this machine."""
        return f"{self.secret}.runtime"

    @property
    def by_name(self) -> str:
        """AWS_LAMBDA_RUNTIME_API of a container."""
        return f"{self.host}:{self.port}"
