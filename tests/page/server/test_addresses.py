"""Where others find the page."""

import ipaddress

import pytest

from cliptta_demo.page.server.addresses import EVERYWHERE, network_addresses


@pytest.mark.parametrize("listens", ["127.0.0.1", "localhost", "::1"])
def test_on_loopback_nobody_else_reaches_it(listens: str) -> None:
    assert network_addresses(listens) == []


def test_one_address_is_that_and_everywhere_is_what_the_network_has() -> None:
    assert network_addresses("192.0.2.7") == ["192.0.2.7"]
    for listens in EVERYWHERE:
        found = network_addresses(listens)
        assert len(found) == len(set(found))
        assert not [one for one in found if ipaddress.ip_address(one).is_loopback]
