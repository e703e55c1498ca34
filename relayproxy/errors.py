"""Exceptions that a command reports as one line.

Knows: one base class, so that the command line can turn any expected failure into one clear line; the words for an
address that cannot be listened on, which several processes need.
Must not know: anything else. Packages raise these or let the standard library's errors through.
"""

import errno


class RelayproxyError(Exception):
    """An expected failure whose message is written for the person who started relayproxy."""


class SettingError(RelayproxyError):
    """A setting is wrong. The message names the setting, its value and what is expected."""


def cannot_listen(setting: str, address: str, problem: OSError) -> SettingError:
    """The error for listening on `address` (`HOST:PORT`, the value of `setting`) that failed with `problem`."""
    why = {
        errno.EADDRINUSE: "another program listens there",
        errno.EADDRNOTAVAIL: "this machine has no such address",
        errno.EACCES: "listening there is not allowed; ports below 1024 need a privilege",
    }.get(problem.errno or 0, problem.strerror or str(problem))
    flag = "" if "." in setting else f": --{setting} HOST:PORT"
    return SettingError(f"{setting}={address}: {why}; choose another{flag}")
