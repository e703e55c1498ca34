"""Sockets for several relays on one port, which nobody else shares."""

import socket
from collections import Counter
from contextlib import closing, suppress

import pytest

from relayproxy.errors import SettingError
from relayproxy.supervisor.listening import listen, taken


def test_connections_are_spread_over_the_sockets_of_all_relays() -> None:
    with closing(listen("127.0.0.1:0", 3)) as found:
        callers = [socket.create_connection(("127.0.0.1", found.port)) for _ in range(300)]
        taken_by: Counter[int] = Counter()
        for number, (one,) in enumerate(found.of_each):
            with suppress(BlockingIOError):
                while True:
                    one.accept()[0].close()
                    taken_by[number] += 1
        for caller in callers:
            caller.close()
    assert taken_by.total() == 300
    assert min(taken_by.values()) > 50, "of 100 on average"


def test_a_host_with_several_addresses_has_a_socket_on_each() -> None:
    places = {entry[4][0] for entry in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    with closing(listen("localhost:0", 2)) as found:
        for own in found.of_each:
            assert {one.getsockname()[0] for one in own} == places
            assert {one.getsockname()[1] for one in own} == {found.port}


@pytest.mark.parametrize("relays", [1, 2])
def test_an_address_where_others_share_their_sockets_is_taken_as_well(relays: int) -> None:
    with closing(listen("127.0.0.1:0", 2)) as theirs:
        address = f"127.0.0.1:{theirs.port}"
        with pytest.raises(SettingError, match=f"listen={address}: another program listens there; choose another"):
            listen(address, relays)
        assert "another program" in taken("listen", address)
    assert taken("listen", address) == ""
