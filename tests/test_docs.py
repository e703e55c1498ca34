"""The documents say what the code does: nothing undocumented, nothing documented that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import click
import pytest
from pydantic import BaseModel

from relayproxy.cli.main import main
from relayproxy.cli.options import NO_FLAG
from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.conversation.measures.numbers import TABLES, NumberLevel
from relayproxy.conversation.model import Budget, ChunkGaps, Interruption, Turn
from relayproxy.conversation.totals import Spread, Totals
from relayproxy.settings.model import Settings
from relayproxy.settings.sources import CONFIG_ENV, ENV_PREFIX
from relayproxy.settings.tables import FIXED, ROWS
from relayproxy.telemetry.metrics.tally import SETS, VALUES
from tests import metric_reference, states
from tests.reference import page

FIRST = {table: f"__<name>__{next(iter(row.model_fields)).upper()}" for table, row in ROWS.items()}
FIRST |= {section: f"__{next(iter(model.model_fields)).upper()}" for section, model in FIXED.items()}
"""What follows a table's variable: the first setting of a row, or of a section."""
ROOT = Path(__file__).parent.parent
SETTINGS = (ROOT / "docs/settings.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
OTHERS = re.compile(r"\b(?:docker compose|kubectl|mmdebstrap|node) [^`\n]*")
"""Other programs, which have flags of their own."""
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]
DOCUMENTS = {path.relative_to(ROOT).as_posix(): path for path in PAGES}


def flags_of(setting: str) -> str:
    if setting == "routes":
        return "`--route NAME=URL`"
    if setting in NO_FLAG:
        return ""
    flag = {"auth_tokens": "auth-token", "redact_patterns": "redact-pattern"}.get(setting, setting.replace("_", "-"))
    return f"`--{flag}`, `--no-{flag}`" if Settings.model_fields[setting].annotation is bool else f"`--{flag}`"


def default_of(setting: str, model: type[BaseModel] = Settings) -> str:
    default = model.model_fields[setting].default
    if model.model_fields[setting].default_factory or default is None:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def rows(document: str, first: str) -> list[list[str]]:
    """The rows of the table whose header begins with that cell."""
    table = document[document.index(f"| {first} |") :].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def every_command(group: click.Group = main) -> Iterator[tuple[str, click.Command]]:
    """All commands, also those within commands (`studio check`)."""
    for name, command in group.commands.items():
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {within}", found) for within, found in every_command(command))


COMMANDS = dict(every_command())


def every_option() -> Iterator[str]:
    for command in COMMANDS.values():
        for parameter in command.params:
            yield from (*parameter.opts, *parameter.secondary_opts)


def test_every_setting_has_its_row() -> None:
    table = {row[0]: row[1:] for row in rows(SETTINGS, "setting | flag")}

    assert table == {
        f"`{name}`": [
            flags_of(name),
            f"`{ENV_PREFIX}{name.upper()}{FIRST.get(name, '')}`",
            default_of(name),
            field.description,
        ]
        for name, field in Settings.model_fields.items()
    }


@pytest.mark.parametrize("table", ROWS)
def test_every_setting_of_a_named_row_has_its_row(table: str) -> None:
    assert rows(SETTINGS, f"of a {table.removesuffix('s')} | variable") == [
        [f"`{name}`", f"`{ENV_PREFIX}{table.upper()}__<name>__{name.upper()}`", field.description]
        for name, field in ROWS[table].model_fields.items()
    ]


@pytest.mark.parametrize("section", FIXED)
def test_every_setting_of_a_section_has_its_row(section: str) -> None:
    document = next(path.read_text("utf-8") for path in PAGES if f"| of `[{section}]` |" in path.read_text("utf-8"))

    assert rows(document, f"of `[{section}]` | variable") == [
        [
            f"`{name}`",
            f"`{ENV_PREFIX}{section.upper()}__{name.upper()}`",
            default_of(name, FIXED[section]),
            field.description,
        ]
        for name, field in FIXED[section].model_fields.items()
    ]


def test_the_readme_lists_the_commands_that_there_are() -> None:
    listed = [row[0].strip("`").removeprefix("relayproxy ") for row in rows(README, "command")]

    assert sorted(listed) == sorted(main.commands)


def test_the_readme_gives_the_defaults_that_hold() -> None:
    stated = {row[0].strip("`").split()[0]: row[1].strip("`") for row in rows(README, "flag")}
    defaults = {flag: stated[flag].removeprefix("./") for flag in ("--listen", "--console", "--data-dir")}

    given = Settings()
    assert defaults == {"--listen": given.listen, "--console": given.console, "--data-dir": str(given.data_dir)}


def test_the_page_of_numbers_says_what_the_code_says() -> None:
    assert (ROOT / "docs/numbers.md").read_text("utf-8") == page(), "python -m tests.reference > docs/numbers.md"


def test_the_page_of_metrics_says_what_the_code_says() -> None:
    text = metric_reference.PAGE.read_text("utf-8")
    assert text == metric_reference.page(), "python -m tests.metric_reference"
    assert f"{VALUES} values are told apart, and {SETS} sets of values" in " ".join(text.split())


def test_the_page_of_states_draws_the_tables_that_the_fold_uses() -> None:
    assert (ROOT / "docs/states.md").read_text("utf-8") == states.page(), "python -m tests.states > docs/states.md"


def test_every_number_is_defined() -> None:
    structs: dict[NumberLevel, type] = {"turn": Turn, "interruption": Interruption, "session": Totals}
    for level, struct in structs.items():
        defined = {number.name for number in TABLES[level]}
        derived = {
            f"{name}_ms" if kind is Spread else name
            for name, kind in get_type_hints(struct).items()
            if kind in (int, int | None, float | None, ChunkGaps | None, Spread)
            and not name.endswith(("_at", "at", "seq", "number"))
        }
        assert derived - defined == set()
    budget = {f"{name}_ms" for name in get_type_hints(Budget)} - {"backend_ms"} | {"backend_latency_ms"}
    assert budget | {"response_latency_ms", "user_bot_latency_ms"} <= {number.name for number in TABLES["turn"]}


def test_every_finding_that_can_be_made_is_in_the_catalogue_and_the_other_way_round() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "relayproxy/conversation").rglob("*.py"))

    assert {code for code in CATALOGUE if source.count(f'"{code}"') < 2} == set()
    made = set(re.findall(r'(?:Finding|_finding|_add|Violation|remark)\(\s*"([a-z_]+)"', source))
    assert made - set(CATALOGUE) == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_flags_variables_and_commands_exist(name: str) -> None:
    text = DOCUMENTS[name].read_text("utf-8")

    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", OTHERS.sub("", text))) - {"--help"}
    assert flags <= set(every_option())

    variables = {found for found in re.findall(r"RELAYPROXY_[A-Z_]+(?![A-Z_<…])", text) if not found.endswith("__")}
    fixed = {f"{ENV_PREFIX}{section}__{name}".upper() for section in FIXED for name in FIXED[section].model_fields}
    assert variables <= {ENV_PREFIX + setting.upper() for setting in Settings.model_fields} | fixed | {CONFIG_ENV}

    commands = set(re.findall(r"`relayproxy ([a-z-]+)", text)) | set(re.findall(r"^relayproxy ([a-z-]+)", text, re.M))
    assert commands <= set(main.commands)

    targets = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M))
    assert targets <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def test_the_servers_that_are_shown_are_those_that_tests_run() -> None:
    page = (ROOT / "docs/backend-spans.md").read_text("utf-8")
    examples = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs/examples").glob("*/*.*")}
    node, python = (re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("js", "py"))

    assert node == [examples.pop(name) for name in ("ws", "express-ws", "fastify", "tracing")]
    assert python[1:] == [examples.pop(name) for name in ("websockets_server", "aiohttp_server")]
    assert [*examples] == ["agent"], "what stands for the reader's own"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    path = DOCUMENTS[name]
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8"))

    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_every_document_is_reached_from_the_readme() -> None:
    assert [name for name in DOCUMENTS if name.startswith("docs/") and f"({name})" not in README] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_has_words(name: str) -> None:
    command = COMMANDS[name]

    assert command.help
    assert command.short_help
    assert [
        option.name
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden and not option.help
    ] == []


@pytest.mark.parametrize("name", ["architecture", "threat-model"])
def test_every_path_that_is_named_is_there(name: str) -> None:
    text = (ROOT / f"docs/{name}.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", text))
    inside = [
        ROOT,
        ROOT / "relayproxy",
        *(
            ROOT / "relayproxy" / one
            for one in ("conversation", "redaction", "relay", "store", "telemetry", "lab", "console")
        ),
    ]

    assert len(named) > 40
    assert {path for path in named if not any((base / path).exists() for base in inside)} == set()


def test_the_threat_model_names_settings_that_there_are() -> None:
    text = (ROOT / "docs/threat-model.md").read_text("utf-8")

    assert set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text)) <= set(Settings.model_fields)


def test_requirements_name_what_is_installed_and_no_place_to_download_it_from() -> None:
    pinned = [path for path in (ROOT / "requirements").rglob("*") if path.is_file()]

    assert len(pinned) > 10
    assert [path.name for path in pinned if "://" in path.read_text("utf-8")] == []
