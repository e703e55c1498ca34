"""The backend's version as calls tell it, live and by a rebuild."""

import pytest

from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.measures.spans import Span
from relayproxy.recorder.rebuild import rebuild
from relayproxy.store.write.archive import Archive
from tests.recorder.stage import Stage, prompt, setup, token

Told = tuple[tuple[str, str], ...]
RELEASE: Told = (("Server", "nginx"), ("x-app-version", " 2.4.1 "))


def version(stage: Stage, session: str) -> str | None:
    return stage.stored(session).session.backend_version


def test_the_version_of_a_header_of_the_101_is_kept_with_the_call(stage: Stage) -> None:
    call = stage.journal().call(response_headers=RELEASE)
    call.twilio(setup())
    call.end()

    stage.recorder(version_from="header:X-App-Version").finish()

    assert version(stage, call.id) == "2.4.1"


def test_a_custom_parameter_tells_it_too(stage: Stage) -> None:
    call = stage.journal().call()
    call.twilio(setup(customParameters={"version": 42}))
    call.end()

    stage.recorder(version_from="parameter:version").finish()

    assert version(stage, call.id) == "42"


def test_what_was_stored_before_gets_it_by_a_rebuild(stage: Stage) -> None:
    call = stage.journal().call(response_headers=RELEASE)
    call.twilio(setup())
    call.end()
    stage.recorder().finish()
    assert version(stage, call.id) is None

    *_, done = rebuild(Archive(stage.engine), (), lambda _route: Thresholds(), lambda _route: "header:X-App-Version")

    assert (done.rebuilt, version(stage, call.id)) == (1, "2.4.1")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ((("X-App-Version", "<redacted>"),), None),
        ((("X-App-Version", "wss://agent/?key=<redacted>"),), None),
        ((("X-App-Version", "  "), ("X-App-Version", "7")), "7"),
        ((("X-App-Version", "build\x1b[31m\u202e9"),), "build[31m9"),
        ((("X-App-Version", "9" * 100),), "9" * 64),
        ((("X-Other", "1"),), None),
    ],
)
def test_only_a_short_printable_text_that_is_no_secret_is_a_version(
    stage: Stage, headers: Told, said: str | None
) -> None:
    call = stage.journal().call(response_headers=headers)
    call.end()

    stage.recorder(version_from="header:X-App-Version").finish()

    assert version(stage, call.id) == said


def test_a_backend_that_refused_tells_no_version(stage: Stage) -> None:
    call = stage.journal().call(response_headers=RELEASE, status=503, error="refused")
    call.end()

    stage.recorder(version_from="header:X-App-Version").finish()

    assert version(stage, call.id) is None


def test_a_call_that_went_on_at_a_newer_backend_has_the_newer_version(stage: Stage) -> None:
    journal = stage.journal()
    first = journal.call(response_headers=RELEASE)
    first.twilio(setup("VX1"))
    first.end()
    second = journal.call(response_headers=(("X-App-Version", "2.5.0"),))
    second.twilio(setup("VX1"))
    second.end()

    stage.recorder(version_from="header:X-App-Version").finish()

    assert version(stage, first.id) == "2.5.0"


def test_spans_carry_it(stage: Stage) -> None:
    class Kept:
        spans: list[Span]

        def export(self, spans: list[Span], /) -> None:
            self.spans = [*getattr(self, "spans", []), *spans]

    call = stage.journal().call(response_headers=RELEASE)
    call.twilio(setup())
    call.twilio(prompt("Hello?"))
    call.backend(token("Hello.", last=True))
    call.end()
    kept = Kept()

    stage.recorder(version_from="header:X-App-Version", exporter=kept).finish()

    assert {span.attributes["relayproxy.backend.version"] for span in kept.spans} == {"2.4.1"}
