"""The `password` and `token` commands: make the credentials with which people and programs sign in.

Knows: the prompt for a password, and the lines for the file of settings.
Must not know: how the console checks it.
"""

import sys
from collections.abc import Callable
from typing import get_args

import click

from relayproxy.errors import RelayproxyError
from relayproxy.settings.tables import Role
from relayproxy.settings.validators import user_name

PLACEHOLDER = "NAME"


def _checked(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        return value if value == PLACEHOLDER else user_name(value)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


_name = click.argument("name", default=PLACEHOLDER, callback=_checked, metavar="[NAME]")
_token_name = click.argument("name", callback=_checked, metavar="NAME")
_role: Callable[[Callable[..., None]], Callable[..., None]] = click.option(
    "--role",
    type=click.Choice(get_args(Role)),
    default="viewer",
    show_default=True,
    help="A viewer looks, tags and writes notes; an admin may do everything.",
)


@click.command(short_help="Make a user of the console.")
@_name
@_role
def password(name: str, role: str) -> None:
    """Asks for a password, twice and without showing it, and prints what to add to the file of settings so that NAME
    can sign in to the console with it. Takes the password from standard input when that is no terminal.
    """
    from relayproxy.passwords import MAX_LENGTH, MIN_LENGTH, hash_password

    given = _ask() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not MIN_LENGTH <= len(given) <= MAX_LENGTH:
        raise RelayproxyError(f"a password of at least {MIN_LENGTH} characters is expected; 15 or more are better")
    click.echo("# Add to the file of settings:", err=True)
    click.echo(f'[users.{_key(name)}]\npassword = "{hash_password(given)}"\nrole = "{role}"')


@click.command(short_help="Make a token for the console's API.")
@_token_name
@_role
def token(name: str, role: str) -> None:
    """Prints a new token, which is kept nowhere, and what to add to the file of settings so that a program that sends
    it (Authorization: Bearer …) is let in as NAME.
    """
    from relayproxy.passwords import new_token, token_digest

    made = new_token()
    click.echo("# The token. It is shown this once:", err=True)
    click.echo(made)
    click.echo("# Add to the file of settings:", err=True)
    click.echo(f'[tokens.{_key(name)}]\nsha256 = "{token_digest(made)}"\nrole = "{role}"')


def _ask() -> str:
    given: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    return given


def _key(name: str) -> str:
    """The name as a key of TOML."""
    return name if all(c.isascii() and (c.isalnum() or c in "-_") for c in name) else f'"{name}"'
