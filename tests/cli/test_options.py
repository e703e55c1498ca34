"""Settings as options: what flags a command has, and the settings that come of them."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from relayproxy.cli.options import NO_FLAG, checked, settings_of, settings_options
from relayproxy.errors import SettingError
from relayproxy.settings.model import Settings
from relayproxy.settings.validators import address


def typed(*arguments: str, options: tuple[str, ...]) -> Result:
    """What a command with these options says of what it was given."""

    @click.command()
    @settings_options(*options)
    def command(config: Path | None, **flags: Any) -> None:
        click.echo(repr((config, flags)))

    return CliRunner().invoke(command, arguments)


def test_a_command_has_the_flags_of_its_settings_in_their_order_and_no_others() -> None:
    said = typed("--help", options=("backend", "routes", "traceparent", "journal_quota")).output

    flags = [
        "--config FILE",
        "--backend URL",
        "--route NAME=URL",
        "--traceparent / --no-traceparent",
        "--journal-quota",
    ]
    assert [said.find(flag) for flag in flags] == sorted(said.find(flag) for flag in flags)
    assert all(flag in said for flag in flags)
    assert "--listen" not in said


@pytest.mark.parametrize("name", sorted(NO_FLAG))
def test_what_must_stay_secret_has_no_flag(name: str) -> None:
    flag = f"--{name.replace('_', '-')}"

    assert flag not in typed("--help", options=(name, "backend")).output
    assert typed(flag, "x", options=(name, "backend")).exit_code == 2


def test_help_says_what_holds_when_nothing_is_given() -> None:
    said = " ".join(typed("--help", options=("listen", "backend")).output.split())

    assert f"[default: {Settings().listen}]" in said
    assert said.count("[default:") == 1


def test_what_is_not_typed_is_left_to_the_environment_and_the_file() -> None:
    assert typed(options=("backend", "routes", "traceparent")).output == (
        "(None, {'backend': None, 'routes': (), 'traceparent': None})\n"
    )
    assert "'traceparent': False" in typed("--no-traceparent", options=("traceparent",)).output


def test_routes_that_are_typed_are_routes_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYPROXY_ROUTES__care__BACKEND", "ws://care/")

    routes = settings_of(None, {"routes": ("sales=ws://sales/?a=b", "late=ws://late/")}).routes

    assert {name: route.backend for name, route in routes.items()} == {
        "care": "ws://care/",
        "sales": "ws://sales/?a=b",
        "late": "ws://late/",
    }


def test_a_route_without_a_name_is_refused_without_its_secrets() -> None:
    with pytest.raises(SettingError, match=r"^routes=ws://sales/\?\*\*\* \(--route\): NAME=URL is expected") as refused:
        settings_of(None, {"routes": ("ws://sales/?hunter2",)})

    assert "hunter2" not in str(refused.value)


def test_an_argument_that_is_no_address_is_a_usage_error() -> None:
    @click.command()
    @click.option("--listen", callback=checked(address))
    def command(listen: str | None) -> None:
        click.echo(listen)

    said = CliRunner().invoke(command, ["--listen", "9000"])
    assert (said.exit_code, "HOST:PORT is expected" in said.output) == (2, True)
    assert CliRunner().invoke(command, ["--listen", "[::1]:9000"]).output == "[::1]:9000\n"
    assert CliRunner().invoke(command, []).output == "\n"
