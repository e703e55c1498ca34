"""The error family.

Knows: one base class, so that the command line can turn any expected failure into one clear line.
Must not know: anything else. Rooms raise these or let the standard library's errors through.
"""


class RelayproxyError(Exception):
    """An expected failure whose message is written for the person who started relayproxy."""


class SettingError(RelayproxyError):
    """A setting is wrong. The message names the setting, its value and what is expected."""
