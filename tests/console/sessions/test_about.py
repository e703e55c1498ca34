"""How a session ended, where its handoff is found, and what is known around it."""

import json

import pytest

from relayproxy.console.calls.findings import of_session
from relayproxy.console.calls.reading import read_session
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.sessions.about import AT_ONCE, MOST_FIELDS, StudioField, kinds, studio_fields
from relayproxy.console.sessions.ending_explanation import EndingExplanation, explain_ending
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


async def told(client: Client, call: samples.Call) -> EndingExplanation | None:
    context = client.app[APP_CONTEXT]
    found = await read_session(context.queries, call.id)
    assert found is not None
    return explain_ending(found, of_session(found, context.settings, 0))


async def part(client: Client, path: str, start: str, end: str) -> str:
    async with client.get(path) as response:
        text = await response.text()
        assert response.status == 200, text
        return text.partition(start)[2].partition(end)[0]


def malformed(archive: Archive) -> samples.Call:
    call = samples.Call(archive, samples.ago(90)).setup().asks(2, "What are your hours?")
    for number in range(10):
        call.text(3 + number / 10, "backend", '{"type":"txt","token":"Nine to five"}')
    reason = "Too many consecutive malformed messages."
    call.message(4.1, "twilio", "close", code=1007, reason=reason, size=2 + len(reason))
    return call.over(4.2, first="twilio", twilio="eof", backend="eof").commit()


async def test_why_studio_went_to_failed_is_said_at_once(client: Client, archive: Archive) -> None:
    found = await told(client, call := malformed(archive))

    assert found is not None
    assert found.sentence.startswith("Twilio closed the connection with 1007 because of ten messages in a row")
    assert found.studio == ("Failed", "bad")
    assert found.tone == "bad"
    assert (found.code, found.sure) == (64105, None)
    assert found.code_meaning.endswith("after ten messages that Twilio could not read")
    assert found.leads_title == "What led to it"
    assert [(lead.view.finding.code, lead.count) for lead in found.leads] == [
        ("too_many_invalid", 1),
        ("invalid_message", 10),
    ]

    shown = await part(client, f"/sessions/{call.id}", '<section class="story bad"', "</section>")
    assert "Studio: Failed" in shown
    assert "the flow goes on from the widget&#39;s Failed transition" in shown
    assert 'href="https://www.twilio.com/docs/api/errors/64105"' in shown
    assert "Ten invalid messages running" in shown
    assert f'href="/sessions/{call.id}?at=0.' in shown


async def test_a_backend_that_vanished_shows_what_hurt_shortly_before(client: Client, archive: Archive) -> None:
    found = await told(client, samples.failing(archive, samples.ago(80)).commit())

    assert found is not None
    assert found.sentence == "The backend's connection was reset without a close."
    assert found.leads_title == "Shortly before it"
    assert {lead.view.finding.code for lead in found.leads} == {"asked_again", "slow_turn"}


async def test_what_hurt_long_before_the_end_did_not_bring_it_about(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(300)).setup().asks(2, "Hello?").answers(8, "Yes?").hang_up(200)
    found = await told(client, call.commit())

    assert found is not None
    assert found.studio == ("No transition", "calm")
    assert found.leads == ()


async def test_a_good_ending_shows_what_is_wrong_with_its_handoff_alone(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(300)).setup().asks(2, "Hello?").answers(8, "One moment.")
    call.backend(12, "end", handoffData={"reasonCode": "live-agent"})
    found = await told(client, call.hang_up(12.3).commit())

    assert found is not None
    assert found.studio == ("Success", "good")
    assert [lead.view.finding.code for lead in found.leads] == ["handoff_not_string"]


async def test_a_handoff_is_in_the_headline(client: Client, archive: Archive) -> None:
    found = await told(client, call := samples.booking(archive, samples.ago(90)).commit())

    assert found is not None
    assert found.sentence == "The agent ended the session and handed off: live-agent."
    title = await part(client, f"/sessions/{call.id}", '<div class="title">', "</header>")
    assert 'href="#handoff"' in title


async def test_an_error_that_twilio_sent_long_before_the_end_is_in_the_verdict(
    client: Client, archive: Archive
) -> None:
    call = samples.Call(archive, samples.ago(300)).setup().asks(2, "Hello?").answers(2.5, "Hello.")
    call.twilio(6, "error", description="Error from the speech provider").hang_up(200)
    found = await told(client, call.commit())

    assert found is not None
    assert found.leads_title == "What went wrong"
    assert [lead.view.finding.code for lead in found.leads] == ["twilio_error"]


async def test_the_caller_who_hung_up_did_not_leave_after_the_backend(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(30)).setup().asks(2, "Hello?").answers(2.5, "Hello.")
    call.message(9, "twilio", "close", code=1000).message(9.01, "backend", "close", code=1000)
    # The backend's stream is over before Twilio's, as it closes at once when it is told that the call is over.
    call.over(9.02, first="backend", twilio="eof", backend="eof").commit()

    facts = await part(client, f"/sessions/{call.id}", "<dt>Ended</dt>", "</div>")
    assert "Twilio closed its connection, then the backend closed its connection." in facts


async def test_what_was_refused_says_with_what(client: Client, archive: Archive) -> None:
    found = await told(client, samples.refused(archive, samples.ago(60)).commit())

    assert found is not None
    assert found.code == 64102
    assert found.sentence == "The call could not be connected: The backend answered 403 Forbidden."
    assert "could not open the WebSocket" in found.code_meaning


async def test_a_guess_says_that_it_is_one(client: Client, archive: Archive) -> None:
    found = await told(client, samples.odd(archive, samples.ago(70)).commit())

    assert found is not None
    assert found.sure == "guess"
    assert found.doubt.startswith("This is a guess")


async def test_a_live_call_has_no_ending_yet(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(5)).setup().asks(1, "Hello?").commit()

    assert await told(client, call) is None
    assert 'class="story' not in await part(client, f"/sessions/{call.id}", '<header class="head"', "</header>")


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
    assert len(studio_fields({f"k{n}": n for n in range(1000)})) == MOST_FIELDS
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
    call = malformed(archive)
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
