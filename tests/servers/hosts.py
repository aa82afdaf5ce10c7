"""Worker hosts: network namespaces where that can be had, else processes with a name each."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.servers.relay import Relay
from tests.servers.stack import Stack


def can_make_namespaces() -> bool:
    """Tell whether this process may make network namespaces and links between them."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    probe = f"dn-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode == 0
    if made:
        _ip("netns", "del", probe)
    return made


@dataclass
class Host:
    """A worker host that reaches luigid, the store, the queue and S3 over a link of its own.

    Args:
        name: the node's name.
        number: makes the link's addresses.
        stack: the stack that it works for; its ``environ`` names the servers by loopback URLs.
        namespace: whether it is a network namespace.
    """

    name: str
    number: int
    stack: Stack
    namespace: bool
    relays: dict[int, Relay] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ns = f"dn-{os.getpid()}-{self.number}"
        self._link = f"dn{os.getpid() % 100000}-{self.number}"
        self.address = "127.0.0.1"
        if self.namespace:
            self.address = f"10.213.{self.number}.1"
            self._make_link()

    def _make_link(self) -> None:
        _ip("netns", "add", self._ns)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self._ns)
        _ip("addr", "add", f"{self.address}/24", "dev", self._link)
        _ip("link", "set", self._link, "up")
        for command in (
            ("addr", "add", f"10.213.{self.number}.2/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", self._ns, *command)

    def start(self) -> None:
        """Start the worker, with the URL of every server replaced by the link's."""
        known = self.stack.environment
        urls = {
            name: self.through_link(known[name])
            for name in (
                "DATANECTAR_LUIGID_URL",
                "DATANECTAR_DATABASE_URL",
                "DATANECTAR_QUEUE_URL",
                "AWS_ENDPOINT_URL_S3",
            )
            if name in known
        }
        own = {
            "DATANECTAR_NODE": self.name,
            "DATANECTAR_STATE": str(self.stack.project / f"state-{self.name}"),
        }
        command = [*self.prefix, sys.executable, "-m", "datanectar", "worker"]
        self.stack.start_registered(self.name, command, {**urls, **own})

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command begins with that is to run on the host."""
        return ("ip", "netns", "exec", self._ns) if self.namespace else ()

    def through_link(self, url: str) -> str:
        """Return the URL by which the host reaches what has a loopback URL here."""
        port = urlsplit(url).port
        assert port is not None
        if port not in self.relays:
            self.relays[port] = Relay(self.address, port)
        return url.replace(f"127.0.0.1:{port}", f"{self.address}:{self.relays[port].port}")

    def cut_off(self) -> None:
        """Take the link down."""
        if self.namespace:
            _ip("link", "set", self._link, "down")
        for relay in self.relays.values():
            relay.freeze()

    def join(self) -> None:
        """Put the link up again."""
        for relay in self.relays.values():
            relay.thaw()
        if self.namespace:
            _ip("link", "set", self._link, "up")

    def relay_to(self, url: str) -> Relay:
        """Return the relay to the server at a loopback URL."""
        return self.relays[urlsplit(url).port or 0]

    def close(self) -> None:
        """Remove the link; the worker is the stack's to stop."""
        for relay in self.relays.values():
            relay.close()
        if self.namespace:
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("link", "del", self._link)
            _ip("netns", "del", self._ns)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
