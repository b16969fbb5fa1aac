"""Where others find the page."""

import ipaddress

from cliptta_demo.page.framework.addresses import EVERYWHERE, network_addresses


def test_on_loopback_nobody_one_address_is_that_and_everywhere_is_what_the_network_has() -> None:
    assert [network_addresses(listens) for listens in ("127.0.0.1", "localhost", "::1")] == [[]] * 3
    assert network_addresses("192.0.2.7") == ["192.0.2.7"]
    for listens in EVERYWHERE:
        found = network_addresses(listens)
        assert len(found) == len(set(found))
        assert not [one for one in found if ipaddress.ip_address(one).is_loopback]
