"""How long a rendezvous server that does not answer is asked again.

A server that has answered before may be back soon, for example after a restart. One that has never answered
is not there: its name does not resolve, its port is refused, or another program listens. Then no number of
attempts helps.
"""

from __future__ import annotations

import math
import time

from fmi.errors import RendezvousError, Timeout
from fmi.rendezvous.handshake import AttemptFailed

# Long enough for a server that is started together with the ranks.
FIRST_ANSWER_S = 10.0
# For a shorter limit in the configuration: one lost packet does not mean that there is no server.
FEWEST_ATTEMPTS = 3

# When each address last answered anything in this process.
_answers: dict[tuple[str, int], float] = {}


class Unreachable(AttemptFailed):
    """The rendezvous server could not be reached, or did not answer a request."""


class WrongServer(Unreachable):
    """The program at the rendezvous server's address speaks another protocol."""


class RetryLimit:
    """Decides whether one rendezvous server is asked again.

    Attributes:
        is_over: whether it has turned out that there is no server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self.is_over = False

    def note_answer(self) -> None:
        """Note that the server has answered."""
        _answers[self._address] = time.monotonic()

    def check(self, failure: Unreachable, since: float, attempts: int, limit_s: float) -> None:
        """Return if a failed request is worth another attempt, raise if not.

        Args:
            failure: why it failed.
            since: when the first of the failed requests in a row began.
            attempts: how many these are.
            limit_s: the limit for reaching a server that has answered before.

        Raises:
            RendezvousError: no server has ever answered there: at once where another program does, else
                after 10 s, or after `limit_s` and three attempts if that is shorter.
            Timeout: one has, and has been away for too long.
        """
        last = _answers.get(self._address, -math.inf)
        away_s = time.monotonic() - max(since, last)
        if last > -math.inf:
            if away_s > limit_s:
                raise Timeout(f"{failure}, for {limit_s:g} s") from failure
            return
        is_enough = attempts >= FEWEST_ATTEMPTS and away_s >= limit_s
        if away_s >= FIRST_ANSWER_S or is_enough or isinstance(failure, WrongServer):
            self.is_over = True
            raise RendezvousError(
                f"{failure} ({away_s:.1f} s after the first attempt). See that RENDEZVOUS_HOST and "
                "RENDEZVOUS_PORT, or host and port in the FMI configuration, are a rendezvous server's, that "
                "it runs, and that its firewall lets the port in"
            ) from failure
