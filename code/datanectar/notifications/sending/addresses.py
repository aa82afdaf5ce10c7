"""Which addresses a webhook may reach: public ones, and the networks of a setting.

Whoever may add a webhook has this machine send requests, which must not reach what only machines
inside can: metadata services of clouds, databases, this app's own luigid.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: What is said of an address that may not be reached.
REFUSAL = "is no public address: allow its network by DATANECTAR_WEBHOOK_NETWORKS"
#: IPv4 inside IPv6 (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: What is public to Python, or to some versions of it: a site's own addresses (RFC 3879), and a site's
#: own translation to IPv4 (RFC 8215).
_OF_A_SITE = (ipaddress.IPv6Network("fec0::/10"), ipaddress.IPv6Network("64:ff9b:1::/48"))


def is_allowed(text: str, networks: Sequence[str]) -> bool:
    """Tell whether an IP address may be reached.

    Args:
        text: the address, with or without a zone.
        networks: the networks that may be, though not public.
    """
    address = _inner(ipaddress.ip_address(text.partition("%")[0]))
    is_of_a_site = any(address in network for network in _OF_A_SITE)
    if address.is_global and not address.is_multicast and not is_of_a_site:
        return True
    return any(address in ipaddress.ip_network(network) for network in networks)


def resolve(host: str, port: int, networks: Sequence[str]) -> list[str]:
    """Return the addresses of a host that may be reached.

    Raises:
        OSError: when its name can't be resolved.
        PermissionError: when it has no address that may be reached.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [address for address in addresses if is_allowed(address, networks)]
    if not allowed:
        raise PermissionError(f"{addresses[0]} {REFUSAL}")
    return allowed


def _inner(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 address leads to, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
