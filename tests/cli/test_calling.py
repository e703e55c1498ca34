"""Commands that make calls have usage errors with an exit code of their own, and the same options and outputs."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from relayproxy.cli import calling
from relayproxy.errors import RelayproxyError


@click.command(cls=calling.CallingCommand)
@click.option("--share", default="20%", callback=calling.percent)
@click.option("--floor", default="150ms", callback=calling.milliseconds)
@click.option("--read", type=click.Path(path_type=Path))
@click.option("--fails", is_flag=True)
@calling.output_options
def command(
    share: float, floor: int, read: Path | None, fails: bool, json_file: Path | None, junit_file: Path | None
) -> None:
    """A command that makes no calls."""
    calling.require_one_output(json_file, junit_file)
    if fails:
        raise RelayproxyError("it failed")
    content = calling.content(read) if read else f"{share} {floor}".encode()
    calling.write(json_file, lambda: content)
    calling.write(junit_file, lambda: b"<testsuites/>")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments])


def test_results_go_to_a_file_or_are_printed(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    result = run("--json", "-", "--junit", junit, "--share", "12.5%", "--floor", "90ms")

    assert (result.exit_code, result.stdout) == (0, "12.5 90")
    assert junit.read_bytes() == b"<testsuites/>"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--share", "20"), "such as 20%"),
        (("--share", "x%"), "such as 20%"),
        (("--floor", "1s"), "such as 150ms"),
        (("--json", "gone/file"), "gone/file cannot be written"),
        (("--json", "-", "--junit", "-"), "cannot both be printed"),
        (("--read", "gone"), "gone: No such file"),
        (("--nothing",), "No such option"),
        (("--fails",), "it failed"),
    ],
)
def test_what_is_wrong_has_one_exit_code(arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)

    assert result.exit_code == calling.USAGE
    assert told in result.stderr
