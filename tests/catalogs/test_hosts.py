"""How near to this machine a host lies, in every spelling of its address."""

import socket

import pytest

from catalogs import hosts
from catalogs.hosts import Reach, canonical, reach


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "0xa9.0xfe.43518",
        "169.254.43518",
        "169.254.169.254.",
        "[::ffff:169.254.169.254]",
        "::ffff:a9fe:a9fe",
        "::a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "fe80::1",
        "fd00:ec2::254",
        "Metadata.Google.Internal.",
        "metadata",
        "instance-data.ec2.internal",
    ],
)
def test_link_local_and_metadata_addresses_are_known_in_every_spelling(host):
    assert reach(host) == Reach.METADATA


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("localhost", Reach.LOOPBACK),
        ("a.localhost", Reach.LOOPBACK),
        ("127.1", Reach.LOOPBACK),
        ("2130706433", Reach.LOOPBACK),
        ("0", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("::", Reach.LOOPBACK),
        ("::ffff:7f00:1", Reach.LOOPBACK),
        ("10.0.0.5", Reach.PRIVATE),
        ("172.16.0.1", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("fc00::1", Reach.PRIVATE),
        ("8.8.8.8", Reach.PUBLIC),
        ("2001:4860:4860::8888", Reach.PUBLIC),
    ],
)
def test_addresses_are_told_apart(host, near):
    assert reach(host) == near


def answers(monkeypatch, *addresses):
    hosts._look_up.cache_clear()
    monkeypatch.setattr(hosts, "_proxied", lambda host, scheme: False)
    entries = [(0, 0, 0, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)


def test_a_name_is_as_near_as_the_nearest_of_its_addresses(monkeypatch):
    answers(monkeypatch, "8.8.8.8", "169.254.169.254")
    assert reach("one.example") == Reach.METADATA
    answers(monkeypatch, "8.8.8.8", "10.0.0.1")
    assert reach("two.example") == Reach.PRIVATE
    answers(monkeypatch, "fe80::1%eth0")
    assert reach("three.example") == Reach.METADATA
    answers(monkeypatch)
    assert reach("four.example") == Reach.PUBLIC


def test_a_name_that_a_proxy_looks_up_is_not_looked_up_here(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up"))
    assert reach("one.example") == Reach.PUBLIC
    assert reach("10.0.0.1") == Reach.PRIVATE


def test_a_host_has_one_spelling():
    assert canonical("[::FFFF:A9FE:A9FE]") == canonical("0xA9FEA9FE") == "169.254.169.254"
    assert canonical("Store.Example.") == "store.example"
