"""Classify a host by its name or address, without a look-up."""

from __future__ import annotations

import ipaddress


def is_address(host: str) -> bool:
    """Return whether it is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether it names this machine's loopback: no other machine can reach it, and nothing sent there leaves."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)
