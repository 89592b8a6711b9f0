"""A model of the time and price of an operation over a channel.

The form and the constants in fmi.json are those of the FMI paper (Copik et al., FMI: Fast and Cheap Message
Passing for Serverless Functions, ICS 2023, arXiv 2305.08763); `python -m fmi calibrate` measures your own.

    seconds = rounds · overhead + max(serial bytes / bandwidth, all bytes / bandwidth of all ranks together)
    dollars = ranks · seconds · memory · price of a GiB-second
            + messages · price of its requests + bytes · price of the transfer + seconds · price of the server
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fmi.channels.traffic import Traffic
from fmi.config import load
from fmi.errors import ConfigError

# A receiver that polls for a message asks twice for each, as a rule.
DOWNLOADS_PER_MESSAGE = 2
_MIB_PER_GIB = 1024
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Constants:
    """One channel's constants.

    Attributes:
        overhead_s: time for an empty message.
        bandwidth: bytes per second between two ranks.
        shared_bandwidth: bytes per second of all ranks together; infinite where they share nothing.
        message_price: dollars for the requests of one message.
        transfer_price: dollars per byte.
        instance_price: dollars per second for the server behind this channel.
    """

    overhead_s: float
    bandwidth: float
    shared_bandwidth: float = float("inf")
    message_price: float = 0.0
    transfer_price: float = 0.0
    instance_price: float = 0.0

    def seconds(self, traffic: Traffic) -> float:
        """The duration of a call."""
        moving = max(traffic.serial_bytes / self.bandwidth, traffic.total_bytes / self.shared_bandwidth)
        return traffic.rounds * self.overhead_s + moving

    def dollars(self, traffic: Traffic, functions: float) -> float:
        """The price of a call where all ranks together cost `functions` dollars per second."""
        return (
            self.seconds(traffic) * (functions + self.instance_price)
            + traffic.messages * self.message_price
            + traffic.total_bytes * self.transfer_price
        )


@functools.cache
def _published() -> Mapping[str, Any]:
    model: Mapping[str, Any] = load(None)["model"]
    return model


def constants(model: Mapping[str, Any], channel: str) -> Constants:
    """A channel's constants from the configuration's `model`, or else the published ones.

    Keys: `overhead` (ms), `bandwidth` or `bandwidth_single` (MB/s), `bandwidth_multiple` (MB/s of all ranks
    together), `upload_price` and `download_price` ($ a request), `transfer_price` ($ a GB), `instance_price`
    ($ an hour).

    Raises:
        ConfigError: there are none, or one is not a number.
    """
    settings = model.get(channel, _published().get(channel))
    if not isinstance(settings, Mapping):
        raise ConfigError(
            f"the model knows nothing of channel {channel!r}: add model.{channel} with overhead (ms) and "
            "bandwidth (MB/s) to the FMI configuration, or let python -m fmi calibrate measure them"
        )

    def setting(name: str, default: float | None = None) -> float:
        return number(settings.get(name, default), f"model.{channel}.{name}")

    single = "bandwidth_single" if "bandwidth_single" in settings else "bandwidth"
    return Constants(
        overhead_s=setting("overhead") / 1e3,
        bandwidth=_positive(setting(single), f"model.{channel}.{single}") * 1e6,
        shared_bandwidth=setting("bandwidth_multiple", float("inf")) * 1e6,
        message_price=setting("upload_price", 0.0) + DOWNLOADS_PER_MESSAGE * setting("download_price", 0.0),
        transfer_price=setting("transfer_price", 0.0) / 1e9,
        instance_price=setting("instance_price", 0.0) / _SECONDS_PER_HOUR,
    )


def functions_price(model: Mapping[str, Any], ranks: int, memory_mib: int) -> float:
    """Dollars per second for all ranks, each a function of this memory."""
    faas = model.get("FaaS", _published()["FaaS"])
    price = number(faas.get("gib_second_price"), "model.FaaS.gib_second_price")
    return ranks * memory_mib / _MIB_PER_GIB * price


def number(value: object, name: str) -> float:
    """A constant that may be text, or a ConfigError that names it."""
    try:
        given = float(str(value))
    except ValueError:
        given = -1.0
    if not given >= 0:
        raise ConfigError(f"{name} in the FMI configuration is a number and not negative, not {value!r}")
    return given


def _positive(number: float, name: str) -> float:
    if not number:
        raise ConfigError(f"{name} in the FMI configuration is not 0")
    return number
