"""What the filter bar suggests while somebody writes."""

import html
import re
from collections.abc import Iterator

import pytest

from relayproxy.assets import web_dir
from relayproxy.console.filters.completion import complete
from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.databases import migrated


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queries]:
    """Three calls, for all tests."""
    url = f"sqlite:///{tmp_path_factory.mktemp('seen')}/relayproxy.db"
    migrated(url)
    engine, reader = open_engine(url), open_reader(url)
    archive = Archive(engine)
    samples.booking(archive, samples.ago(3000)).commit()
    samples.failing(archive, samples.ago(2000)).commit()
    samples.Call(archive, samples.ago(100)).setup(parameters={"the plan": "pure gold", "Plan": "a,b"}).commit()
    yield Queries(reader)
    engine.dispose()
    reader.dispose()


def inserted(queries: Queries, text: str) -> list[str]:
    """What the text may become when its end, or the place of `|`, is completed."""
    at = text.find("|")
    text = text.replace("|", "")
    found = complete(queries, text, len(text) if at < 0 else at)
    return [text[: found.start] + one.insert + text[found.end :] for one in found.items]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("inter", "interruptions:"),
        ("turns:>3 inter", "turns:>3 interruptions:"),
        ("-tra", "-transition:"),
        ("tra| turns:>3", "transition: turns:>3"),
        ("param.pl", "param.plan:"),
        ("plan", "param.plan:"),
        ("sin", "since:"),
        ("fail", "transition:failed"),
        ("is:l", "is:live"),
        ("errors:", "errors:>0"),
        ("duration:", "duration:>1m"),
        ("since:2", "since:24h"),
        ("transition:succ", "transition:success"),
        ("studio:f", "transition:failed"),
        ("route:bookings,su", "route:bookings,support"),
        ("-route:b", "-route:bookings"),
        ("route:ook", "route:bookings"),
        ("from:+1555010007", "from:+15550100077"),
        ('param."the plan":', 'param."the plan":"pure gold"'),
        ("param.Plan:a", 'param.Plan:"a,b"'),
        ("finding:slow", "finding:slow_turn"),
        ("slow_", "finding:slow_turn"),
        ("slow", "latency:"),
        ("hung", "outcome:caller_hangup"),
        ("outcome:hung", "outcome:caller_hangup"),
        ("outcome:succ", "outcome:success"),
        ("outcome:fail", "outcome:failed"),
        ("stud", "transition:"),
        ("interrupts", "interruptions:"),
        ("longest", "wait:"),
    ],
)
def test_the_likeliest_comes_first(seen: Queries, text: str, first: str) -> None:
    assert inserted(seen, text)[0] == first


def test_everything_that_the_field_shows_as_an_example_is_offered(seen: Queries) -> None:
    (placeholder,) = re.findall(
        r'placeholder="([^"]*)"', (web_dir() / "templates" / "filters/filterbar.html").read_text()
    )
    conditions = [token for token in html.unescape(placeholder).split() if ":" in token]
    assert len(conditions) == 3
    for token in conditions:
        name, colon, _ = token.partition(":")
        assert f"{name}:" in inserted(seen, name[:3])
        assert token in inserted(seen, name + colon)


def test_each_outcome_and_finding_says_what_pages_call_it(seen: Queries) -> None:
    hints = {one.label: one.hint for one in complete(seen, "outcome:", 8).items}
    assert hints["caller_hangup"] == "Caller hung up"
    assert hints["failed"] == "Studio goes to Failed"
    assert complete(seen, "finding:slow_t", 14).items[0].hint == CATALOGUE["slow_turn"].title


def test_nothing_is_made_up(seen: Queries) -> None:
    assert inserted(seen, "nonsense:x") == []
    assert inserted(seen, '"inter') == []
    assert inserted(seen, "route:zzz") == []
    assert "is:" in inserted(seen, "")
    assert len(inserted(seen, "turns:>3 ")) > 20


def test_values_are_counted_under_the_rest_of_the_filter(seen: Queries) -> None:
    def counts(text: str) -> dict[str, int | None]:
        return {one.label: one.count for one in complete(seen, text, len(text)).items}

    assert counts("route:") == {"bookings": 1, "support": 1, "default": 1}
    assert counts("is:live route:") == {"default": 1}
    assert counts("outcome:disconnected") == {"backend_disconnect": 1}
    assert counts("outcome:hung") == {"caller_hangup": 0}
    assert counts("number:+") == {samples.CALLER: 2, samples.CALLEE: 3, "+15550100077": 1}
