"""Hosts behind routers on one machine: network namespaces, virtual cables, and nftables as the NAT.

    host 0 ── router 0 ──┐
    host 1 ── router 1 ──┼── the public network, where the rendezvous server runs
    host 2 (public) ─────┘

A host may also be behind the router of an earlier one.

Hosts have no way to each other but through their routers, and no router lets in what nobody behind it has
asked for. Needs `unshare`, `nsenter`, `ip` and `nft`, and a kernel that lets this user have namespaces; root
is not needed. All of it lives in namespaces of a helper process, so it ends with this process, however that
ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SERVER = "203.0.113.1"
TOOLS = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "nft": "nftables"}
PATIENCE_S = 60.0

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


class NotAllowed(Exception):  # noqa: N818 - a reason for skipping tests
    """Networks cannot be made here; the text says why."""


@contextlib.contextmanager
def realm() -> Iterator[list[str]]:
    """Namespaces to make networks in, while the context lasts: how a command begins that runs in them.

    Raises NotAllowed.
    """
    if sys.platform != "linux":
        raise NotAllowed("network namespaces are a part of Linux")
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise NotAllowed(f"the command {tool} is missing: install {package}")
    as_root = ["--user", "--map-root-user"] if os.geteuid() else []
    holder = subprocess.Popen(
        [
            "unshare",
            *as_root,
            "--net",
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs tmpfs /run && echo up && exec cat",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout
        assert holder.stderr
        if not holder.stdout.readline():
            raise NotAllowed(f"namespaces are not allowed here: {holder.stderr.read().strip()}")
        keep = ["--user", "--preserve-credentials"] if as_root else []
        enter = ["nsenter", f"--target={holder.pid}", *keep, "--net", "--mount", "--wd"]
        try:
            with Network([Host()], enter):
                pass
        except subprocess.CalledProcessError as error:
            raise NotAllowed(f"a NAT in a namespace is not allowed here: {error.stderr.strip()}") from None
        yield enter
    # leaving `holder` closes its input, at which it ends


class Network:
    """A public network and the hosts on it, while the context lasts.

    `inside(n)` is how a command begins that runs on host n; `public` the same for the public network.

    Args:
        hosts: what is on it.
        enter: a `realm`.
    """

    def __init__(self, hosts: Sequence[Host], enter: Sequence[str]) -> None:
        self._hosts = hosts
        self._enter = list(enter)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Network:
        with contextlib.ExitStack() as stack:
            self._build(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def public(self) -> list[str]:
        return self._inside("public")

    def inside(self, number: int) -> list[str]:
        return self._inside(f"host{number}")

    def public_address(self, number: int) -> str:
        """How the rendezvous server sees a host."""
        return f"203.0.113.{10 + number}"

    def cut_off(self, number: int) -> None:
        """Have a host's router lose every packet from now on, without a word to anybody."""
        self._configure(f"router{number}", "insert rule ip filter through drop")

    def _build(self, stack: contextlib.ExitStack) -> None:
        stack.enter_context(self._namespace("public"))
        self._add_bridge("public", "bridge0", SERVER)
        for number, host in enumerate(self._hosts):
            stack.enter_context(self._namespace(f"host{number}"))
            if host.nat is None:
                self._plug_in(f"host{number}", number)
            elif host.behind is None:
                stack.enter_context(self._namespace(f"router{number}"))
                self._set_up_router(number)
                self._join_lan(number, number)
            else:
                self._join_lan(host.behind, number)

    def _set_up_router(self, number: int) -> None:
        router = f"router{number}"
        self._plug_in(router, number)
        self._add_bridge(router, "lan", f"192.168.{number}.1")
        for setting in ("net.ipv4.ip_forward=1", "net.netfilter.nf_conntrack_acct=1"):
            _run([*self._inside(router), "sysctl", "-qw", setting])
        self._configure(router, _router_rules(self._hosts[number]))

    def _plug_in(self, namespace: str, number: int) -> None:
        """Connect to the public network."""
        port = f"port{number}"
        self._cable(namespace, "wan", f"{self.public_address(number)}/24", "public", port)
        self._ip("public", f"link set {port} master bridge0")

    def _join_lan(self, lan: int, number: int) -> None:
        """Connect a host to a router's own network."""
        host, router, port = f"host{number}", f"router{lan}", f"lan{number}"
        self._cable(host, "eth0", f"192.168.{lan}.{100 + number}/24", router, port)
        self._ip(router, f"link set {port} master lan")
        self._ip(host, f"route add default via 192.168.{lan}.1")

    def _add_bridge(self, namespace: str, device: str, address: str) -> None:
        self._ip(namespace, f"link add name {device} type bridge")
        self._ip(namespace, f"address add {address}/24 dev {device}")
        self._ip(namespace, f"link set {device} up")

    def _cable(self, one: str, device: str, address: str, other: str, other_device: str) -> None:
        ends = ["link", "add", device, "netns", one, "type", "veth", "peer", other_device, "netns", other]
        _run([*self._enter, "ip", *ends])
        self._ip(one, f"address add {address} dev {device}")
        self._ip(one, f"link set {device} up")
        self._ip(other, f"link set {other_device} up")

    @contextlib.contextmanager
    def _namespace(self, name: str) -> Iterator[None]:
        _run([*self._enter, "ip", "netns", "add", name])
        try:
            self._ip(name, "link set lo up")
            yield
        finally:
            _run([*self._enter, "ip", "netns", "delete", name])

    def _ip(self, namespace: str, command: str) -> None:
        _run([*self._enter, "ip", "-netns", namespace, *command.split()])

    def _configure(self, namespace: str, rules: str) -> None:
        _run([*self._inside(namespace), "nft", "-f", "-"], rules)

    def _inside(self, namespace: str) -> list[str]:
        return [*self._enter, "ip", "netns", "exec", namespace]


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


def _run(command: list[str], text: str = "") -> None:
    subprocess.run(command, input=text, check=True, capture_output=True, text=True, timeout=PATIENCE_S)
