"""How a session ended and what led to it, said at once."""

from relayproxy.console.calls.findings import of_session
from relayproxy.console.calls.reading import read_session
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.sessions.ending_explanation import EndingExplanation, explain_ending
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.sessions.answers import part


async def told(client: Client, call: samples.Call) -> EndingExplanation | None:
    context = client.app[APP_CONTEXT]
    found = await read_session(context.queries, call.id)
    assert found is not None
    return explain_ending(found, of_session(found, context.settings, 0))


async def test_why_studio_went_to_failed_is_said_at_once(client: Client, archive: Archive) -> None:
    found = await told(client, call := samples.malformed(archive))

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
