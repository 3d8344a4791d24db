"""What the name of a host says of it, without asking anybody."""

from __future__ import annotations

import ipaddress


def is_address(host: str) -> bool:
    """Whether it is an address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether it is this machine for itself, by its name or address: nobody else can reach it, and nothing that is sent there leaves."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)
