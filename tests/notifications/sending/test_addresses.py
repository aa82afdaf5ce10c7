"""Which addresses a webhook may reach."""

from __future__ import annotations

import pytest

from datanectar.notifications.sending.addresses import is_allowed, resolve


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert is_allowed(address, ())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::",
        "fec0::1",
        "64:ff9b:1::a00:1",
    ],
)
def test_others_only_by_the_setting(address: str) -> None:
    assert not is_allowed(address, ())
    assert not is_allowed(address, ("203.0.113.0/24",))


def test_the_setting_allows_its_networks_and_no_others() -> None:
    networks = ("10.0.0.0/8", "fd00::/8")
    assert is_allowed("10.9.9.9", networks)
    assert is_allowed("::ffff:10.9.9.9", networks)
    assert is_allowed("fd00::7", networks)
    assert not is_allowed("127.0.0.1", networks)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "::1"])
def test_a_host_is_judged_by_its_addresses_however_it_is_written(host: str) -> None:
    with pytest.raises(OSError, match=r"WEBHOOK_NETWORKS|not known|not supported"):
        resolve(host, 80, ())
