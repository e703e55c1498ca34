"""What is recorded of the calls of a route, by its own settings and those for all."""

import pytest

from relayproxy.errors import SettingError
from relayproxy.settings.loading import as_environment, load
from relayproxy.settings.recording import recorded_summary, recorded_words, recording

AGENT = "ws://agent.example.com"


def test_a_routes_own_settings_come_first() -> None:
    route = {"backend": AGENT, "record": "metadata", "redact_fields": ["ssn"]}
    some = load(None, {"backend": AGENT, "keys": "keep", "redact_fields": "a, b", "routes": {"bank": route}}, {})
    assert recording(some, "default") == recording(some, "elsewhere")
    assert (recording(some, "default").record, recording(some, "default").keys) == ("redacted", "keep")
    assert recording(some, "default").fields == ("a", "b")
    assert (recording(some, "bank").record, recording(some, "bank").fields) == ("metadata", ("ssn",))


def test_no_more_is_recorded_than_somebody_wants() -> None:
    route = {"backend": AGENT, "record": "full"}
    some = load(None, {"backend": AGENT, "record": "metadata", "routes": {"bank": route}}, {})
    assert recording(some, "bank", "redacted").record == "redacted"
    assert recording(some, "default", "redacted").record == "metadata"


def test_patterns_are_a_list_in_the_file_and_lines_in_a_variable() -> None:
    patterns = ["K-[0-9]{4},?", "order \\d+"]
    some = load(None, {"backend": AGENT, "redact_patterns": patterns}, {})
    assert recording(some, "default").patterns == tuple(patterns)
    assert load(None, {}, as_environment(some)) == some
    same = load(None, {"backend": AGENT}, {"RELAYPROXY_REDACT_PATTERNS": "\n".join(patterns)})
    assert recording(same, "default").patterns == tuple(patterns)


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("redact_patterns", "(?=x)", "redact_patterns=(?=*** (--redact-pattern): a regular expression as RE2 reads it"),
        ("redact_fields", "a,,b", "names of parameters or handoff fields"),
        ("record", "some", "record=some"),
        ("keys", "hide", "keys=hide"),
    ],
)
def test_a_wrong_one_says_what_is_expected(setting: str, value: str, expected: str) -> None:
    with pytest.raises(SettingError) as problem:
        load(None, {"backend": AGENT, setting: value}, {})
    assert expected in str(problem.value)


def test_the_start_says_what_is_recorded() -> None:
    some = load(None, {"backend": AGENT}, {})
    assert recorded_summary(some) == (
        "recorded of calls: redacted (what is said, without card numbers, PINs and the like)"
    )
    both = load(None, {"backend": AGENT, "routes": {"bank": {"backend": AGENT, "record": "none"}}}, {})
    assert recorded_summary(both).endswith("; route bank: none (nothing)")
    every = load(None, {"backend": AGENT, "keys": "mask-all"}, {})
    assert recorded_words(every, "default").endswith("and the like, no keys")


def test_the_journal_may_lie_elsewhere() -> None:
    some = load(None, {"backend": AGENT, "data_dir": "/srv/relayproxy"}, {})
    assert str(some.journal) == "/srv/relayproxy/journal"
    assert str(load(None, {"backend": AGENT, "journal_dir": "/dev/shm/journal"}, {}).journal) == "/dev/shm/journal"
