"""Hosts behind routers on one machine: network namespaces, virtual cables, and nftables as the NAT.

    host 0 ── router 0 ──┐
    host 1 ── router 1 ──┼── the public network, where the rendezvous server runs
    host 2 (public) ─────┘

A host may also be behind the router of an earlier one.

Hosts have no way to each other but through their routers, and no router lets in what nobody behind it has
asked for. Needs root, `ip` and `nft`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SERVER = "203.0.113.1"
PREFIX = "cosmic-"
PATIENCE_S = 60.0
_serial = itertools.count()

# Keeps the source port where it can, as AWS does: the peer finds the port that the rendezvous server saw.
PORT_PRESERVING = "masquerade"
# A source port for every connection ("symmetric"): the port that the server saw is no use to the peer.
PORT_RANDOM = "masquerade random"


@dataclass(frozen=True)
class Host:
    """One host of a network.

    Attributes:
        nat: what its router does to outgoing connections; None for a host with a public address of its own.
        forward: further rules for what the router passes on.
        behind: number of the earlier host whose router this one shares.
    """

    nat: str | None = PORT_PRESERVING
    forward: str = ""
    behind: int | None = None


def why_not() -> str | None:
    """Why networks cannot be made here, or None."""
    if sys.platform != "linux":
        return "network namespaces are a part of Linux"
    for tool, package in (("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(tool) is None:
            return f"the command {tool} is missing: install {package}"
    try:
        with _namespace(f"{PREFIX}{os.getpid()}-probe") as probe:
            _configure(probe, _router_rules(Host()))
    except subprocess.CalledProcessError as error:
        return f"network namespaces with a NAT are not allowed here: {error.stderr.strip()}"
    return None


class Network:
    """A public network and the hosts on it, while the context lasts.

    `inside(n)` is how a command begins that runs on host n; `public` the same for the public network.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._name = f"{PREFIX}{os.getpid()}-{next(_serial)}"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Network:
        _sweep()
        with contextlib.ExitStack() as stack:
            self._build(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def public(self) -> list[str]:
        return ["ip", "netns", "exec", f"{self._name}-public"]

    def inside(self, number: int) -> list[str]:
        return ["ip", "netns", "exec", f"{self._name}-host{number}"]

    def public_address(self, number: int) -> str:
        """How the rendezvous server sees a host."""
        return f"203.0.113.{10 + number}"

    def cut_off(self, number: int) -> None:
        """Have a host's router lose every packet from now on, without a word to anybody."""
        _configure(f"{self._name}-router{number}", "insert rule ip filter through drop")

    def _build(self, stack: contextlib.ExitStack) -> None:
        public = stack.enter_context(_namespace(f"{self._name}-public"))
        _ip(public, "link add name bridge0 type bridge")
        _ip(public, f"address add {SERVER}/24 dev bridge0")
        _ip(public, "link set bridge0 up")
        for number, host in enumerate(self._hosts):
            inner = stack.enter_context(_namespace(f"{self._name}-host{number}"))
            if host.nat is None:
                self._plug_in(inner, public, number)
            elif host.behind is None:
                self._add_router(stack, inner, public, number)
            else:
                self._join_lan(inner, f"{self._name}-router{host.behind}", host.behind, number)

    def _add_router(self, stack: contextlib.ExitStack, inner: str, public: str, number: int) -> None:
        router = stack.enter_context(_namespace(f"{self._name}-router{number}"))
        self._plug_in(router, public, number)
        _ip(router, "link add name lan type bridge")
        _ip(router, f"address add 192.168.{number}.1/24 dev lan")
        _ip(router, "link set lan up")
        for setting in ("net.ipv4.ip_forward=1", "net.netfilter.nf_conntrack_acct=1"):
            _run(["ip", "netns", "exec", router, "sysctl", "-qw", setting])
        _configure(router, _router_rules(self._hosts[number]))
        self._join_lan(inner, router, number, number)

    def _join_lan(self, inner: str, router: str, lan: int, number: int) -> None:
        port = f"lan{number}"
        _cable(inner, "eth0", f"192.168.{lan}.{100 + number}/24", router, port)
        _ip(router, f"link set {port} master lan")
        _ip(inner, f"route add default via 192.168.{lan}.1")

    def _plug_in(self, namespace: str, public: str, number: int) -> None:
        port = f"port{number}"
        _cable(namespace, "wan", f"{self.public_address(number)}/24", public, port)
        _ip(public, f"link set {port} master bridge0")


def _router_rules(host: Host) -> str:
    return f"""
        table ip nat {{
            chain outgoing {{
                type nat hook postrouting priority srcnat
                oifname "wan" {host.nat}
            }}
        }}
        table ip filter {{
            chain itself {{
                type filter hook input priority filter
                iifname "wan" ct state != {{ established, related }} drop
            }}
            chain through {{
                type filter hook forward priority filter
                policy drop
                {host.forward}
                iifname "lan" accept
                ct state {{ established, related }} accept
            }}
        }}
    """


@contextlib.contextmanager
def _namespace(name: str) -> Iterator[str]:
    _run(["ip", "netns", "add", name])
    try:
        _ip(name, "link set lo up")
        yield name
    finally:
        _run(["ip", "netns", "delete", name])


def _cable(one: str, device: str, address: str, other: str, other_device: str) -> None:
    _run(
        ["ip", "link", "add", device, "netns", one, "type", "veth", "peer", other_device, "netns", other],
    )
    _ip(one, f"address add {address} dev {device}")
    _ip(one, f"link set {device} up")
    _ip(other, f"link set {other_device} up")


def _sweep() -> None:
    """Delete what a test process that was killed has left behind."""
    for line in _run(["ip", "netns", "list"]).splitlines():
        name = line.split()[0] if line.split() else ""
        owner = name.removeprefix(PREFIX).partition("-")[0]
        if name.startswith(PREFIX) and owner.isdigit() and not os.path.exists(f"/proc/{owner}"):  # noqa: PTH110
            _run(["ip", "netns", "delete", name])


def _ip(namespace: str, command: str) -> None:
    _run(["ip", "-netns", namespace, *command.split()])


def _configure(namespace: str, rules: str) -> None:
    _run(["ip", "netns", "exec", namespace, "nft", "-f", "-"], rules)


def _run(command: list[str], text: str = "") -> str:
    done = subprocess.run(command, input=text, check=True, capture_output=True, text=True, timeout=PATIENCE_S)
    return done.stdout
