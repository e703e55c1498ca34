"""The `relayproxy` command, as `python -m relayproxy` too.

Knows: that Ctrl-C may come while the rest is still being imported.
Must not know: commands.
"""

import sys


def main() -> None:
    """Runs the command line, and exits."""
    try:
        from relayproxy.cli.main import main as commands

        commands(prog_name="relayproxy")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
