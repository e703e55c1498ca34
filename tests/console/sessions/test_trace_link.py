"""Links to traces: templates that are taken, and what becomes of them."""

from pathlib import Path

import pytest

from relayproxy.console.sessions.trace_link import trace_link
from relayproxy.errors import SettingError
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.settings.validators import trace_template
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.store import build

ROW = build.session("s1", session_id="VX 1&x=\N{SNOWMAN}", ended_at=build.NOON + 1_500_000_001)


@pytest.mark.parametrize(
    ("template", "link"),
    [
        ("http://localhost:16686/trace/{trace_id}", "http://localhost:16686/trace/" + "ab" * 16),
        (
            "https://ui.honeycomb.io/t/datasets/d/trace?trace_id={trace_id}&trace_start_ts={started_s}"
            "&trace_end_ts={ended_s}",
            f"https://ui.honeycomb.io/t/datasets/d/trace?trace_id={'ab' * 16}&trace_start_ts=1800000000"
            "&trace_end_ts=1800000002",
        ),
        (
            "https://g.example/explore?panes=%7B%22q%22:%22{trace_id}%22%7D&from={started_ms}&to={ended_ms}",
            f"https://g.example/explore?panes=%7B%22q%22:%22{'ab' * 16}%22%7D&from=1800000000000&to=1800000001501",
        ),
        ("https://x.example/{session_id}/{trace_id}", f"https://x.example/VX%201%26x%3D%E2%98%83/{'ab' * 16}"),
    ],
)
def test_places_are_filled(template: str, link: str) -> None:
    assert trace_template(template) == template
    assert trace_link(template, ROW, now=0) == link


def test_a_live_session_ends_now() -> None:
    live = build.session("s1")
    link = trace_link("https://x.example/{trace_id}?to={ended_ms}", live, build.NOON + 7_000_000)
    assert link is not None
    assert link.endswith("?to=1800000000007")


def test_without_a_template_there_is_no_link() -> None:
    assert trace_link(None, ROW, now=0) is None


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("javascript:alert('{trace_id}')", "an http:// or https:// URL"),
        ("//host/{trace_id}", "an http:// or https:// URL"),
        ("https://{trace_id}.example/", "an http:// or https:// URL"),
        ("https://user:word@x.example/{trace_id}", "without user name and password"),
        ("https://[::1/{trace_id}", "an http:// or https:// URL"),
        ("https://x.example/trace", "with {trace_id} in it"),
        ("https://x.example/{trace_id}/{span}", r"{span} is none of {trace_id}"),
        ("https://x.example/{trace_id}/{", "{ is none of"),
        ("https://x.example/{trace_id}/{{session_id}}", "none of"),
        ('https://x.example/?a={"b":"{trace_id}"}', "percent-encode"),
        ("https://x.example/{trace_id} ", "percent-encode"),
        ("https://x.example/\N{LATIN SMALL LETTER U WITH DIAERESIS}/{trace_id}", "percent-encode"),
    ],
)
def test_wrong_templates_stop_the_start(template: str, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        trace_template(template)
    assert complaint in str(caught.value)
    with pytest.raises(SettingError, match="trace_url="):
        load(None, {"trace_url": template}, {})


def test_every_documented_template_is_taken() -> None:
    text = (Path(__file__).parents[3] / "docs/settings.md").read_text("utf-8")
    documented = [part for part in text.split("`") if part.startswith("http") and "{trace_id}" in part]

    assert len(documented) >= 3
    assert [trace_template(one) for one in documented] == documented


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"trace_url": "https://traces.example/t/{trace_id}?a=1&b=2"})


async def test_the_page_links_to_the_trace(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    async with client.get(f"/sessions/{call.id}") as response:
        text = await response.text()

    assert text.count(f'href="https://traces.example/t/{call.opened.trace_id}?a=1&amp;b=2"') == 2
