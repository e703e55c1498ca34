"""The filter's language: what is understood, what is complained about, and that nothing gets lost on the way."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.console.filters.fields import closed_values
from relayproxy.console.filters.language import Query, parse, write
from relayproxy.console.filters.tokens import tokens
from relayproxy.store.read.filters.criteria import FIELDS, Criteria, Criterion, Op, kind_of_field

S = 1_000_000_000
NOW = 1_795_521_600 * S  # 2026-11-24T12:00Z
DAY = 86_400 * S
OPS: tuple[Op, ...] = ("=", ">", ">=", "<", "<=")


def read(text: str) -> Criteria:
    """What is understood of a text without a mistake."""
    query = parse(text, NOW)
    assert query.problems == ()
    return query.criteria


def one(text: str) -> Criterion:
    criteria = read(text)
    (found,) = criteria.every
    assert not criteria.words
    return found


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("route:default", Criterion("route", "=", ("default",))),
        ("Route:Default", Criterion("route", "=", ("Default",))),
        ("-route:a,b", Criterion("route", "=", ("a", "b"), negated=True)),
        ("number:+1415*", Criterion("number", "^", ("+1415",))),
        ("tag:*", Criterion("tag", "^", ("",))),
        ('tag:""', Criterion("tag", "=", ("",))),
        ('tag:"to do","a,b"', Criterion("tag", "=", ("to do", "a,b"))),
        ('tag:"a \\"b\\" \\\\"', Criterion("tag", "=", ('a "b" \\',))),
        ('tag:"a*"', Criterion("tag", "=", ("a*",))),
        ('tag:"to d"*', Criterion("tag", "^", ("to d",))),
        ('route:">x"', Criterion("route", "=", (">x",))),
        ("param.plan:gold", Criterion("param.plan", "=", ("gold",))),
        ("PARAM.Plan:gold", Criterion("param.Plan", "=", ("gold",))),
        ('param."the plan":gold', Criterion("param.the plan", "=", ("gold",))),
        ("backend:wss://agent.example.com/ws", Criterion("backend", "=", ("wss://agent.example.com/ws",))),
        ("turns:3", Criterion("turns", "=", (3,))),
        ("turns:=3,4", Criterion("turns", "=", (3, 4))),
        ("turns:>=3", Criterion("turns", ">=", (3,))),
        ("-turns:<3", Criterion("turns", "<", (3,), negated=True)),
        ("latency:>2", Criterion("latency", ">", (2000,))),
        ("latency:<=2s", Criterion("latency", "<=", (2000,))),
        ("p95:>1500ms", Criterion("p95", ">", (1500,))),
        ("p50:<1.25", Criterion("p50", "<", (1250,))),
        ("duration:>5m", Criterion("duration", ">", (300_000,))),
        ("duration:>1.5h", Criterion("duration", ">", (5_400_000,))),
        ("outcome:failed", Criterion("transition", "=", ("failed",))),
        ("outcome:success,Failed", Criterion("transition", "=", ("success", "failed"))),
        ("studio:failed", Criterion("transition", "=", ("failed",))),
        ("outcome:caller_hangup", Criterion("outcome", "=", ("caller_hangup",))),
        ("outcome:backend*", Criterion("outcome", "^", ("backend",))),
        ("is:live", Criterion("is", "=", ("live",))),
        ("-is:handoff,gap", Criterion("is", "=", ("handoff", "gap"), negated=True)),
        ("CA" + "0f" * 16, Criterion("call", "=", ("CA" + "0f" * 16,))),
        ("VX" + "0f" * 16, Criterion("session", "=", ("VX" + "0f" * 16,))),
        ("-AC" + "0f" * 16, Criterion("account", "=", ("AC" + "0f" * 16,), negated=True)),
        ("v2:T02llQ-x_y/z+0=", Criterion("id", "=", ("v2:T02llQ-x_y/z+0=",))),
        ("-v3:abc", Criterion("id", "=", ("v3:abc",), negated=True)),
        ("+15550100001", Criterion("number", "=", ("+15550100001",))),
        ("-+1555010*", Criterion("number", "^", ("+1555010",), negated=True)),
        ("interrupts:>0", Criterion("interruptions", ">", (0,))),
        ("0f" * 16, Criterion("id", "=", ("0f" * 16,))),
        ("123e4567-e89b-12d3-a456-426614174000", Criterion("id", "=", ("123e4567-e89b-12d3-a456-426614174000",))),
    ],
)
def test_conditions_are_understood(text: str, understood: Criterion) -> None:
    assert one(text) == understood


@pytest.mark.parametrize(
    ("text", "searched"),
    [
        ("refund", ("refund",)),
        ('"the refund" please', ("the refund", "please")),
        ("refun*", ("refun*",)),
        ('"+15550100001"', ("+15550100001",)),
        ("+1", ("+1",)),
        ("+1٢٣٤٥٦٧٨", ("+1٢٣٤٥٦٧٨",)),
        ('"the refun"*', ("the refun*",)),
        ('"refund*"', ("refund",)),
        ("10:30", ("10:30",)),
        ('"route:x"', ("route:x",)),
        ('"to: me', ("to: me",)),
        ("it's", ("it's",)),
        ('"' + "CA" + "0f" * 16 + '"', ("CA" + "0f" * 16,)),
    ],
)
def test_all_else_is_searched_for(text: str, searched: tuple[str, ...]) -> None:
    assert read(text) == Criteria(words=searched)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("since:24h", NOW - DAY, None),
        ("since:90s", NOW - 90 * S, None),
        ("since:2w until:1d", NOW - 14 * DAY, NOW - DAY),
        ("since:7d since:24h", NOW - DAY, None),
        ("on:2026-11-20", 1_795_132_800 * S, 1_795_219_200 * S),
        ("since:2026-11-20 until:2026-11-20", 1_795_132_800 * S, 1_795_219_200 * S),
        ("since:2026-11-20T10:00", 1_795_168_800 * S, None),
        ("since:2026-11-20T10:00:00Z", 1_795_168_800 * S, None),
        ("since:2026-11-20T12:00+02:00", 1_795_168_800 * S, None),
        ("until:2026-11-20T10:00:00.000000001Z", None, 1_795_168_800 * S + 1),
        ("on:today", 1_795_478_400 * S, 1_795_564_800 * S),
        ("on:yesterday", 1_795_392_000 * S, 1_795_478_400 * S),
    ],
)
def test_times_are_understood(text: str, since: int | None, until: int | None) -> None:
    assert read(text) == Criteria(since=since, until=until)


@pytest.mark.parametrize(
    ("text", "said", "meant"),
    [
        ("rout:default", "there is no field rout", "route:default"),
        ("-interuptions:>0", "there is no field interuptions", "-interruptions:>0"),
        ("plan:gold", "custom parameters are written param.plan", "param.plan:gold"),
        ("turns:many", "a whole number", None),
        ("turns:-1", "a whole number", None),
        ("turns:1.5", "a whole number", None),
        ("turns:99999999999999999999", "a whole number", None),
        ("turns:>1,2", "> compares with one number", "turns:>1"),
        ("turns:1*", "a whole number", None),
        ("latency:fast", "seconds or a length of time", None),
        ("duration:>999999999999w", "seconds or a length of time", None),
        ("route:>a", "route is a text", None),
        ("route:a,b*", "either all values end with *", "route:a*,b*"),
        ("route:", "a value is expected", None),
        ("param.plan:", "a value is expected", None),
        ("is:brief", "one of live, ended, handoff, gap, imported, noted", None),
        ("is:lve", "one of live, ended", "is:live"),
        ("is:l*", "one of live, ended", None),
        ("transition:fail", "one of success, failed", "transition:failed"),
        ('outcome:"Caller hung up"', "one of ended", "outcome:caller_hangup"),
        ('transition:"no transition"', "one of success", "transition:none"),
        ("finding:slowturn", "a code such as finding:slow_turn", "finding:slow_turn"),
        ('-finding:"Slow answer"', "a code such as", "-finding:slow_turn"),
        ("finding:zzz", "a code such as", None),
        ("outcome:hangup", "one of ended_by_backend", "outcome:caller_hangup"),
        ("outcome:failed,caller_hangup", "one of ended_by_backend", None),
        ("since:soon", "a time such as 24h", None),
        ("since:2026-13-40", "a time such as 24h", None),
        ("since:1600-01-01", "a time such as 24h", None),
        ("since:9000w", "a time such as 24h", None),
        ("on:2026-11-20T10:00", "a time such as today", None),
        ("-since:24h", "one time is expected", None),
        ("since:1h,2h", "one time is expected", None),
        ("-refund", "words can be searched for, but not left out", "refund"),
        ("---", "a letter or a digit is expected", None),
        ('""', "a letter or a digit is expected", None),
    ],
)
def test_what_is_wrong_is_said_and_the_rest_applies(text: str, said: str, meant: str | None) -> None:
    query = parse(f"errors:>0  {text} warnings:>0", NOW)
    (problem,) = query.problems
    assert said in problem.message
    assert problem.token == text
    assert problem.meant == meant
    assert problem.without == "errors:>0 warnings:>0"
    assert [each.field for each in query.criteria.every] == ["errors", "warnings"]
    if meant is not None:
        assert problem.suggestion == f"errors:>0 {meant} warnings:>0"
        assert all(again.token != text for again in parse(problem.suggestion, NOW).problems)


def test_each_condition_can_be_taken_away() -> None:
    query = parse('errors:>0 "a phrase" -tag:x', NOW)
    assert [(term.token, term.without) for term in query.terms] == [
        ("errors:>0", '"a phrase" -tag:x'),
        ('"a phrase"', "errors:>0 -tag:x"),
        ("-tag:x", 'errors:>0 "a phrase"'),
    ]


@pytest.mark.parametrize(
    ("text", "kept", "beyond"),
    [
        ("word " * 100, ("word " * 60).strip(), "word " * 40),
        ("tag:" + ",".join("abc" for _ in range(201)) + " word", "", None),
        (
            "tag:" + ",".join("abc" for _ in range(199)) + " word more",
            "tag:" + ",".join(["abc"] * 199) + " word",
            "more",
        ),
        ("turns:>1 " + "x" * 2000 + " more", "turns:>1", None),
        ('turns:>1 "never closed' + " x" * 2000, "turns:>1", None),
        ("turns:>1" + " " * 3000 + "more", "turns:>1" + " " * 1992, "more"),
    ],
    ids=["conditions", "values", "values together", "characters", "a quote", "spaces"],
)
def test_all_that_is_too_much_is_refused_at_once(text: str, kept: str, beyond: str | None) -> None:
    query = parse(text, NOW)
    assert query.text == kept
    (problem,) = query.problems
    assert problem.message == "a filter has at most 2,000 characters, 60 conditions and 200 values"
    assert problem.without == kept
    rest = text[len(kept) :].strip() if beyond is None else beyond
    assert problem.token == (rest[:40] + "…" if len(rest) > 40 else rest)


def test_a_filter_as_long_as_may_be_is_in_force() -> None:
    query = parse("tag:" + "x" * 1996 + "  ", NOW)
    assert not query.problems
    assert query.criteria.every == (Criterion("tag", "=", ("x" * 1996,)),)


texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet='ab:*",\\->=<. +0159', max_size=60),
    st.lists(
        st.one_of(
            st.sampled_from([*FIELDS, "since", "until", "on", "param.x", "nope"]).flatmap(
                lambda name: st.text(alphabet='a01s:*",>=<-. T', max_size=12).map(lambda rest: f"{name}:{rest}")
            ),
            st.text(max_size=8),
        ),
        max_size=6,
    ).map(" ".join),
)


@given(texts)
def test_no_text_breaks_it_and_every_token_is_in_force_or_complained_about(text: str) -> None:
    query = parse(text, NOW)
    assert len(query.terms) + len(query.problems) == len(tokens(text))
    assert parse(query.text, NOW) == query


@given(texts)
def test_what_was_understood_can_be_written_and_is_understood_the_same(text: str) -> None:
    criteria = parse(text, NOW).criteria
    assert parse(write(criteria), NOW) == Query(write(criteria), criteria, (), parse(write(criteria), NOW).terms)


def test_surrogates_and_nulls_do_no_harm() -> None:
    assert parse("\udc80 tag:\0", NOW).criteria.every[0].values == ("\N{REPLACEMENT CHARACTER}",)


values = st.text(max_size=12).map(lambda text: text.replace("\0", ""))


@st.composite
def criterions(draw: st.DrawFn) -> Criterion:
    name = draw(st.sampled_from([*FIELDS]) | values.filter(bool).map(lambda name: f"param.{name}"))
    negated = draw(st.booleans())
    if known := [*closed_values(name)]:
        return Criterion(name, "=", tuple(draw(st.lists(st.sampled_from(known), min_size=1))), negated)
    if kind_of_field(name) in ("number", "seconds"):
        op: Op = draw(st.sampled_from(OPS))
        number = st.integers(0, 2**31 - 1)
        return Criterion(name, op, tuple(draw(st.lists(number, min_size=1, max_size=3 if op == "=" else 1))), negated)
    return Criterion(
        name, draw(st.sampled_from(["=", "^"])), tuple(draw(st.lists(values, min_size=1, max_size=3))), negated
    )


@given(
    st.builds(
        Criteria,
        every=st.lists(criterions(), max_size=4).map(tuple),
        words=st.lists(values.filter(lambda text: text[:1].isalpha() and "*" not in text), max_size=3).map(tuple),
        since=st.none() | st.integers(0, 2**63 - 1).map(lambda ns: ns),
        until=st.none() | st.integers(0, 2**63 - 1),
    )
)
def test_whatever_can_be_asked_for_can_be_written(criteria: Criteria) -> None:
    query = parse(write(criteria), NOW)
    assert query.problems == ()
    assert query.criteria == criteria


TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("on:2026-11-28", "2026-11-27T15:00Z", "2026-11-28T15:00Z"),
        ("on:2026-11-28Z", "2026-11-28T00:00Z", "2026-11-29T00:00Z"),
        ("on:2026-11-28+09:00", "2026-11-27T15:00Z", "2026-11-28T15:00Z"),
        ("on:2026-11-28-0330", "2026-11-28T03:30Z", "2026-11-29T03:30Z"),
        ("since:2026-11-28T10:00 until:2026-11-28T10:00Z", "2026-11-28T01:00Z", "2026-11-28T10:00Z"),
    ],
)
def test_days_and_times_are_of_the_reader_unless_an_offset_follows(text: str, since: str, until: str) -> None:
    query = parse(text, NOW, TOKYO)
    assert query.problems == ()
    assert write(query.criteria) == f"since:{since} until:{until}"


def test_today_is_the_readers_and_has_as_many_hours_as_it_has() -> None:
    late = round(datetime(2026, 11, 27, 20, tzinfo=UTC).timestamp()) * 10**9
    assert write(parse("on:today", late, TOKYO).criteria) == "since:2026-11-27T15:00Z until:2026-11-28T15:00Z"
    assert write(parse("on:yesterday", late).criteria) == "since:2026-11-26T00:00Z until:2026-11-27T00:00Z"
    berlin = ZoneInfo("Europe/Berlin")
    assert write(parse("on:2026-10-25", late, berlin).criteria) == "since:2026-10-24T22:00Z until:2026-10-25T23:00Z"


@pytest.mark.parametrize("text", ["on:2026-11-28 09:00", "route:a since:2026-11-28T10:00 0900"])
def test_a_plus_that_got_lost_in_an_address_is_told(text: str) -> None:
    query = parse(text, NOW)
    (problem,) = query.problems
    assert "%2B" in problem.message
    before, _, offset = text.rpartition(" ")
    assert problem.suggestion == f"{before}+{offset}"
    assert parse(problem.suggestion, NOW).problems == ()
    assert query.criteria.words == ()
