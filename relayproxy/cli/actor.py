"""The name under which a command's deeds are recorded.

Knows: the user of this machine.
Must not know: what is done.
"""

import getpass


def actor() -> str:
    """Whoever runs the command."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"
