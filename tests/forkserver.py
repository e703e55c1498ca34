"""A process that has imported relayproxy and forks a process of it for every request. Run as `python -m
tests.forkserver FD`.

Knows: that starting Python and importing takes a second of a processor, and a fork a few milliseconds.
Must not know: what the processes do.

A request is JSON with `arguments` and `environment`, and three descriptors: standard output, standard error, and where
the exit code goes as a decimal number once the process has ended. The answer is the process's number.
"""

import gc
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress

from relayproxy.__main__ import main


def _import_all() -> None:
    import relayproxy.console.process
    import relayproxy.recorder.process
    import relayproxy.relay.process
    import relayproxy.telemetry.export.otlp  # noqa: F401 (imported for the processes that are forked)


def _serve(requests: socket.socket) -> bool:
    """Forks until nothing more is asked for. True in a forked process."""
    told: dict[int, int] = {}

    def reap(*_: object) -> None:
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pipe = told.pop(found[0])
                with suppress(BrokenPipeError):
                    os.write(pipe, str(os.waitstatus_to_exitcode(found[1])).encode())
                os.close(pipe)

    signal.signal(signal.SIGCHLD, reap)
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, 1 << 20, 3)
        if not data:
            return False
        output, errors, code = descriptors
        # Else the process may have ended before it is known where to tell it.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            os.dup2(output, 1)
            os.dup2(errors, 2)
            for descriptor in (output, errors, code, *told.values()):
                os.close(descriptor)
            requests.close()
            asked = json.loads(data)
            sys.argv[1:] = asked["arguments"]
            os.environ.clear()
            os.environ.update(asked["environment"])
            return True
        told[pid] = code
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        os.close(output)
        os.close(errors)
        requests.sendall(str(pid).encode())


if __name__ == "__main__":
    _import_all()
    assert threading.active_count() == 1, "a fork would lose these threads"
    gc.freeze()
    with suppress(KeyboardInterrupt):
        if not _serve(socket.socket(fileno=int(sys.argv[1]))):
            sys.exit()
    main()
