"""How near to this machine a host lies, by its name and by the addresses of that name."""

import ipaddress
import socket
import time
from enum import IntEnum
from functools import lru_cache
from urllib.request import getproxies, proxy_bypass

LOOPBACK = ("localhost", "127.0.0.1", "::1")
METADATA_NAMES = (
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
)
METADATA_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",  # link-local; metadata of AWS, Azure, Google, Oracle, OpenStack
            "fe80::/10",
            "fd00:ec2::/32",  # AWS
            "fd20:ce::/32",  # Google
            "100.100.100.200/32",  # Alibaba
            "168.63.129.16/32",  # Azure's host
            "192.0.0.192/32",  # Oracle
        ),
    )
)
TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
"""IPv6 networks whose last 32 bits are an IPv4 address (RFC 6052, RFC 4291)."""
FRESH_SECONDS = 60

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(IntEnum):
    """PRIVATE: networks that the internet does not route. METADATA: link-local networks and services of clouds that
    give a machine its credentials."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    METADATA = 3


def reach(host: str, scheme: str = "https") -> Reach:
    """The nearest of a host's addresses; PUBLIC for a name that cannot be looked up, or that a proxy looks up."""
    host = canonical(host)
    if host in METADATA_NAMES:
        return Reach.METADATA
    if host == "localhost" or host.endswith(".localhost"):
        return Reach.LOOPBACK
    address = _address(host)
    if address is not None:
        return _reach(address)
    if _proxied(host, scheme):
        return Reach.PUBLIC
    return max(map(_reach, _look_up(host, int(time.monotonic() / FRESH_SECONDS))), default=Reach.PUBLIC)


def canonical(host: str) -> str:
    """A host in one spelling: 2852039166, 0xa9.0xfe.43518 and [::ffff:a9fe:a9fe] are 169.254.169.254."""
    host = host.lower().strip("[]").rstrip(".")
    address = _address(host)
    return host if address is None else str(address)


def _address(host: str) -> Address | None:
    """The address that a host is written as, in any spelling that inet_aton takes."""
    try:
        return _plain(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host.isascii() and " " not in host else None
    except (OSError, ValueError):
        return None


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and int(address) > 1 and any(address in network for network in TRANSLATED):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _reach(address: Address) -> Reach:
    address = _plain(address)
    if any(address in network for network in METADATA_NETWORKS if network.version == address.version):
        return Reach.METADATA
    if address.is_loopback or address.is_unspecified or str(address).startswith("0."):
        return Reach.LOOPBACK
    return Reach.PUBLIC if address.is_global and not address.is_multicast else Reach.PRIVATE


def _proxied(host: str, scheme: str) -> bool:
    proxies = getproxies()
    return bool(proxies.get(scheme) or proxies.get("all")) and not proxy_bypass(host)


@lru_cache(maxsize=1024)
def _look_up(host: str, minute: int) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple({ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found})
