"""Socket activation: listening sockets that systemd opened, and passed to the process that it started for them.

Knows: the protocol of sd_listen_fds(3); what a socket must be that relays can listen on.
Must not know: who listens, addresses in settings.
"""

import os
import socket

from relayproxy.errors import SettingError

FIRST = 3
"""The descriptor of the first one; the others follow it."""
_ACTION = "ListenStream= of the systemd socket unit must name an IP address with port, or a port"


def activated() -> tuple[socket.socket, ...]:
    """The sockets; none where there are none for this process. Asked again, and in its children, there are none either.
    Raises SettingError for what is no listening TCP socket."""
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    if pid != str(os.getpid()) or not count.isdigit():
        return ()
    return tuple(_socket(number) for number in range(FIRST, FIRST + int(count)))


def _socket(number: int) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        found = socket.socket(fileno=number)
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as problem:
        raise SettingError(f"LISTEN_FDS: descriptor {number} is no socket ({problem.strerror}): {_ACTION}") from None
    if not listens or found.type != socket.SOCK_STREAM or found.family not in (socket.AF_INET, socket.AF_INET6):
        raise SettingError(f"LISTEN_FDS: descriptor {number} is no listening TCP socket: {_ACTION}")
    found.setblocking(False)
    return found
