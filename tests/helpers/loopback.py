"""Keeps the tests on this machine: a connection or a name look-up beyond loopback fails the test that makes it.

Covered: Python's sockets in the test process, and whatever reads the proxy variables in it and its children (requests,
urllib, GDAL, obstore, rustac): those get a proxy that nobody listens on. Not covered: other native code, and Python
children that open a socket themselves.
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NOBODY = "http://127.0.0.1:9"
LOCAL_NAMES = {"", "localhost", socket.gethostname()}


def is_local(host: Any) -> bool:
    """Whether a host is this machine: None, localhost, its own name, or a loopback or unspecified address."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _check(host: Any) -> None:
    # Derived from BaseException, so that no `except Exception` of the code under test hides it.
    if not is_local(host):
        pytest.fail(f"a test must not reach beyond loopback, but this one asked for {host!r}")


@contextmanager
def only() -> Iterator[None]:
    """Holds the process and the environment of its children to loopback for the time of the block."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, NOBODY)
            patch.setenv(name.upper(), NOBODY)
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "localhost,127.0.0.1,::1")
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded_method(getattr(socket.socket, name)))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            patch.setattr(socket, name, _guarded_lookup(getattr(socket, name)))
        yield


def _guarded_method(method: Any) -> Any:
    sends = method.__name__ == "sendto"

    def guarded(self: socket.socket, *arguments: Any) -> Any:
        # Connecting a datagram socket sends nothing; it is how a process learns its own address.
        inert = not sends and self.type & socket.SOCK_DGRAM
        if self.family in (socket.AF_INET, socket.AF_INET6) and not inert:
            _check(arguments[-1][0])
        return method(self, *arguments)

    return guarded


def _guarded_lookup(look_up: Any) -> Any:
    def guarded(host: Any, *arguments: Any, **named: Any) -> Any:
        _check(host)
        return look_up(host, *arguments, **named)

    return guarded
