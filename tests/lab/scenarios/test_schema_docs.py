"""docs/scenarios.md: its tables are the schema's, its examples pass, its errors are those that are told."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from relayproxy.lab.agent.server import serving
from relayproxy.lab.scenarios import schema
from relayproxy.lab.scenarios.reading import ScenarioError, read
from tests.lab.scenarios.stage import SPEED, called

PAGE = (Path(__file__).parents[3] / "docs/scenarios.md").read_text("utf-8")
_BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = {yaml.safe_load(text)["name"]: text for text in _BLOCKS if "jobs:" not in text}
"""All of the page's YAML but the workflow."""
WRONG = EXAMPLES.pop("wrong")


def rows(definition: str) -> str:
    """The rows of a table that tells the keys of a mapping."""
    found = ""
    definitions: dict[str, Any] = schema.schema()["$defs"]
    for key, value in definitions[definition]["properties"].items():
        told = definitions[value["$ref"].split("/")[-1]] if "$ref" in value else value
        words = told["description"].replace("|", "\\|")
        listed = ", ".join(f"`{each}`" for each in told.get("enum", ()))
        found += f"| `{key}` | {words}{f' One of {listed}.' if listed else ''} |\n"
    return found


@pytest.mark.parametrize("definition", sorted(schema.schema()["$defs"].keys() - {"Condition"}))
def test_the_tables_are_those_of_the_schema(definition: str) -> None:
    assert rows(definition) in PAGE, f"| key | |\n| --- | --- |\n{rows(definition)}"


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_demo_agent_passes_the_examples(name: str) -> None:
    async with serving(speed=SPEED) as url:
        result = await called(url, read(EXAMPLES[name], f"{name}.yaml"))
    assert result.failures == ()
    assert result.passed


async def test_a_failure_says_what_the_page_says() -> None:
    name = "books-a-table"
    changed = EXAMPLES[name].replace("reason_code: booked", "reason_code: cancelled")
    async with serving(speed=SPEED) as url:
        result = await called(url, read(changed, f"{name}.yaml"))
    (failure,) = result.failures
    assert f"```text\n{failure}\n```" in PAGE


def test_errors_are_told_as_the_page_tells_them() -> None:
    with pytest.raises(ScenarioError) as caught:
        read(WRONG, "wrong.yaml")
    assert f"```text\n{caught.value}\n```" in PAGE
