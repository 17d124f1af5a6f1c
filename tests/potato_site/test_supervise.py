"""Where a server listens: names, addresses and ports as a command line gives them."""

import argparse
import socket

import pytest

from potato_site.supervise import Address, CannotServe, port_number
from tests.ports import free_port


def test_a_name_is_listened_on_by_its_address_ipv4_first():
    assert Address("localhost", 8000).number == "127.0.0.1"
    assert Address("::1", 8000).number == "::1"
    assert Address("localhost", 8000).url == "http://localhost:8000"
    Address("localhost", free_port()).require_free()


@pytest.mark.parametrize("host", ["nobody.invalid", "999.9.9.9", "a" * 70 + ".example"])
def test_a_name_without_an_address_is_said(host):
    with pytest.raises(CannotServe, match=f"cannot listen on {host}: no address has that name; choose another --host"):
        Address(host, 8000).require_free()


def test_an_address_of_another_machine_is_said():
    with pytest.raises(CannotServe, match=r"192.0.2.1 port 8000 \(Cannot assign .*\): choose another --host"):
        Address("192.0.2.1", 8000).require_free()


def test_a_port_is_taken_though_its_server_would_share_it():
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotServe, match=rf"port {port} \(Address already in use\): choose another port with -p"):
            Address("localhost", port).require_free()


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", "", "8_0", "99999999999999999999"])
def test_what_is_no_port_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no port, a whole number from 1 to 65535"):
        port_number(text)
    assert port_number("65535") == 65535
