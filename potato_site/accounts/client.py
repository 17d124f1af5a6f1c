"""Where a request comes from."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    """The visitor's address: what the outermost of our own proxies saw, never what the visitor says.

    Each proxy appends the address it was asked from, so with ``n`` trusted ones the n-th from the right is true and all
    to its left may be made up. A list that is too short did not come through them: the connection itself counts.
    """
    direct: str = request.META.get("REMOTE_ADDR", "")
    hops = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    trusted = settings.TRUSTED_PROXIES
    return _address(hops[-trusted]) or direct if 0 < trusted <= len(hops) else direct


def client_network(request: HttpRequest) -> str:
    """What limits count by: the address, or the /64 that one IPv6 customer has to choose from."""
    found = client_ip(request)
    try:
        parsed = ip_address(found)
    except ValueError:
        return found
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return found


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
