"""Where others in the network find the page."""

import socket
from contextlib import suppress

from cliptta_demo.limits import is_loopback

EVERYWHERE = ("", "0.0.0.0", "::")
NOBODY = ("192.0.2.1", 9)  # an address that documentation has to itself


def network_addresses(listens: str) -> list[str]:
    """The addresses of a server that ``listens`` there which others reach, the usual one first; none on loopback."""
    found = [] if listens in EVERYWHERE else [listens]
    if not found:
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(NOBODY)  # sends nothing: tells which way packets would go
            found.append(probe.getsockname()[0])
        with suppress(OSError):
            found += [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return [str(one) for one in dict.fromkeys(found) if not is_loopback(str(one))]
