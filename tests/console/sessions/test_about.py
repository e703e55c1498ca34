"""How a session ended, where its handoff is found, and what is known around it."""

import json

import pytest

from relayproxy.console.calls.findings import of_session
from relayproxy.console.calls.reading import read_session
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.sessions.about import AT_ONCE, MAX_STUDIO_FIELDS, StudioField, kinds, studio_fields
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.sessions.answers import part


async def test_the_caller_who_hung_up_did_not_leave_after_the_backend(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(30)).setup().asks(2, "Hello?").answers(2.5, "Hello.")
    call.message(9, "twilio", "close", code=1000).message(9.01, "backend", "close", code=1000)
    # The backend's stream is over before Twilio's, as it closes at once when it is told that the call is over.
    call.over(9.02, first="backend", twilio="eof", backend="eof").commit()

    facts = await part(client, f"/sessions/{call.id}", "<dt>Ended</dt>", "</div>")
    assert "Twilio closed its connection, then the backend closed its connection." in facts


def test_every_value_of_a_handoff_has_its_path() -> None:
    payload = {"reasonCode": "live-agent", "booking": {"guests": 4, "on hold": True}, "seats": ["a", {"no": None}]}

    assert studio_fields(payload) == (
        StudioField("{{flow.variables.handoff.reasonCode}}", "live-agent"),
        StudioField("{{flow.variables.handoff.booking.guests}}", "4"),
        StudioField('{{flow.variables.handoff.booking["on hold"]}}', "true"),
        StudioField("{{flow.variables.handoff.seats[0]}}", "a"),
        StudioField("{{flow.variables.handoff.seats[1].no}}", "null"),
    )


def test_names_that_liquid_cannot_write_are_left_out() -> None:
    payload = {"it's": 1, "a}}b": 2, "\"'": 3, "x\ny": 4, 'say "hi"': 5, "": 6}

    assert [field.path for field in studio_fields(payload)] == [
        '{{flow.variables.handoff["it\'s"]}}',
        "{{flow.variables.handoff['say \"hi\"']}}",
        '{{flow.variables.handoff[""]}}',
    ]


@pytest.mark.parametrize("payload", [None, "text", 5, [1, 2], {}])
def test_what_is_no_object_has_no_values(payload: object) -> None:
    assert studio_fields(payload) == ()


def test_large_and_deep_handoffs_are_cut() -> None:
    assert len(studio_fields({f"k{n}": n for n in range(1000)})) == MAX_STUDIO_FIELDS
    deep = studio_fields({"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}})
    assert deep == (StudioField("{{flow.variables.handoff.a.b.c.d}}", '{"e":{"f":1}}'),)
    long = studio_fields({"a": "x" * 500})[0].value
    assert len(long) == 80
    assert long.endswith("…")


async def test_the_handoff_is_laid_out_and_copied_as_sent(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    shown = await part(client, f"/sessions/{call.id}", '<section id="handoff"', "</section>")

    assert "live-agent" in shown
    assert "{{widgets.&lt;name&gt;.HandoffData}}" in shown
    assert "{{flow.variables.handoff.booking.number}}" in shown
    sent = json.dumps(
        {"reasonCode": "live-agent", "reason": "asked for a person", "booking": {"number": 471, "guests": 4}}
    )
    assert f'data-copy="{sent.replace(chr(34), "&#34;")}"' in shown


async def test_parameters_lead_to_sessions_with_the_same_value(client: Client, archive: Archive) -> None:
    parameters = {"plan": "gold", "name": "Ann Lee", "long": "x" * 300, "blank": " "}
    call = samples.Call(archive, samples.ago(10)).setup(parameters=parameters).commit()
    shown = await part(client, f"/sessions/{call.id}", "<h2>Custom parameters</h2>", "</section>")

    assert '<a href="/sessions?q=param.plan%3Agold"' in shown
    assert '<a href="/sessions?q=param.name%3A%22Ann+Lee%22"' in shown
    assert shown.count("<a ") == 2


async def test_what_is_known_of_the_environment_is_told(client: Client, archive: Archive) -> None:
    opening = {
        "request_headers": (("User-Agent", "Jetty/11.0.24"),),
        "response_headers": (("Server", "uvicorn\N{RIGHT-TO-LEFT OVERRIDE}"),),
    }
    call = samples.Call(archive, samples.ago(10), opening=opening).setup().commit()
    shown = await part(client, f"/sessions/{call.id}", "<h2>Environment</h2>", "</section>")

    assert "Jetty/11.0.24" in shown
    assert "uvicorn⟦U+202E⟧" in shown
    assert "times of speech are estimated" in shown
    assert "relayproxy 0." in shown


async def test_many_findings_of_one_kind_are_folded(client: Client, archive: Archive) -> None:
    call = samples.malformed(archive)
    context = client.app[APP_CONTEXT]
    found = await read_session(context.queries, call.id)
    assert found is not None
    listed = of_session(found, context.settings, 0)
    by_code = {kind.first[0].finding.code: kind for kind in kinds(listed)}

    assert sum(len(kind.first) + len(kind.more) for kind in by_code.values()) == len(listed)
    assert len(by_code["invalid_message"].first) == AT_ONCE
    shown = await part(client, f"/sessions/{call.id}", '<details class="kind-more"', "</section>")
    assert "8 more: Invalid message" in shown


async def test_a_call_of_very_many_sessions_shows_its_first(client: Client, archive: Archive) -> None:
    made = [
        samples.Call(archive, samples.ago(500 - number)).setup(call_sid="CAmany").hang_up(0.5).commit()
        for number in range(60)
    ]
    shown = await part(client, f"/sessions/{made[55].id}", "This call: ", "</section>")

    assert shown.startswith("the first 50 sessions")
    assert shown.count("<li>") == 50
