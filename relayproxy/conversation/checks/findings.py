"""The catalogue of findings: what each code means, how bad it is and what to do; and the alarm of a live call.

Knows: every code, its severity and its words.
Must not know: how findings are found, but for the one that depends on the time of day: a caller who waits now.
"""

from typing import Literal

import msgspec

from relayproxy.conversation.model import Conversation, Finding

Severity = Literal["error", "warning", "info"]
SEVERITIES: dict[Severity, str] = {
    "error": "the caller got something wrong or nothing",
    "warning": "the call suffered",
    "info": "worth knowing",
}
"""What each says of a finding."""

MAX_LISTED = 20
"""At most so many findings of one code are listed in a session; the totals count all."""


class FindingDefinition(msgspec.Struct, frozen=True):
    """The definition of a finding: what is true of every one with its code."""

    severity: Severity
    title: str
    """Two to five words."""
    meaning: str
    """What it means for the caller."""
    action: str
    """What to do about it."""


class Thresholds(msgspec.Struct, frozen=True):
    """From where on a time is a finding, milliseconds."""

    slow_turn_ms: int = 2000
    """A caller who waits this long for the first word."""
    stall_ms: int = 1000
    """A pause this long between two texts of one answer."""

    @classmethod
    def of_seconds(cls, slow_turn: float, stall: float) -> "Thresholds":
        """From finite seconds above 0; what would be less than a millisecond is one."""
        return cls(max(1, round(slow_turn * 1000)), max(1, round(stall * 1000)))


_PROTOCOL = {
    "invalid_message": FindingDefinition(
        "error",
        "Invalid message",
        "Twilio drops a message that it cannot read: the caller never hears it. The call goes on, but ten of them "
        "in a row end the session.",
        "Correct the message in your server's code: the detail names what is wrong with it.",
    ),
    "leaked_error": FindingDefinition(
        "error",
        "Error text in the socket",
        "An error meant for a program went to Twilio in place of an answer. Twilio drops it as invalid, so the caller "
        "hears nothing.",
        "Catch the error and say something to the caller instead. When the text comes from a gateway or load "
        "balancer, look at its logs: it could not reach your server.",
    ),
    "interrupt_sent": FindingDefinition(
        "error",
        "Interrupt sent to Twilio",
        "interrupt is a message that Twilio sends: from your server it is invalid, stops nothing and is dropped. The "
        "caller hears the speech to its end, and ten invalid messages in a row end the session.",
        "Leave it out: when the caller interrupts, Twilio has stopped already and tells you so. To replace speech of "
        'your own, send it with "preemptible": true, and then the new text.',
    ),
    "too_many_invalid": FindingDefinition(
        "error",
        "Ten invalid messages running",
        "Twilio gave up after ten invalid messages in a row: it closed the connection with code 1007 and the session "
        "failed.",
        "Find what sends them, often a loop that reports its own error over the same socket. Then handle error 64105 "
        "in the connect action, so that the caller is not left alone.",
    ),
    "rejected_message": FindingDefinition(
        "error",
        "Message rejected by Twilio",
        "Twilio dropped a message that looks valid, so the caller did not get what it should have done.",
        "Compare the message with Twilio's current reference: a value such as a language or a voice may not be "
        "available to this session.",
    ),
    "twilio_error": FindingDefinition(
        "warning",
        "Error reported by Twilio",
        "Twilio reported a problem of its own or of a speech provider; parts of the call may not have been spoken or "
        "understood.",
        "Read Twilio's description in the detail and look for the call in Twilio's error log.",
    ),
}

_STREAM = {
    "missing_last": FindingDefinition(
        "warning",
        "Reply without an end",
        "The last text of the reply did not say last: true. Twilio may go on waiting for more, and what comes next is "
        "taken for a part of the same reply.",
        'Send "last": true with the final text, or an empty token with it; also when the reply is given up half-way.',
    ),
    "interleaved_replies": FindingDefinition(
        "warning",
        "Two replies mixed",
        "Two replies were streamed at the same time: the caller hears one through the other, or one right behind it.",
        "Cancel the running generation before another one begins.",
    ),
    "reply_to_partial": FindingDefinition(
        "warning",
        "Reply to a partial prompt",
        "The reply began before the caller had finished, on words that may still have changed. It may answer the "
        "wrong thing or cut the caller short.",
        'Answer only prompts with "last": true. If you start early on purpose, hold the text back until the final '
        "prompt confirms it.",
    ),
    "stale_speech": FindingDefinition(
        "warning",
        "Talks on after an interruption",
        "The caller interrupted, and your server went on sending the old reply. It may be spoken over the caller or "
        "in front of the next answer.",
        "Stop the generation when an interrupt message arrives, and read the socket while a reply is being sent.",
    ),
    "unanswered": FindingDefinition(
        "error",
        "Left unanswered",
        "The caller said or pressed something and never got an answer to it.",
        "Look in your server's log at this time. Put a time limit on every generation, and say a sentence of "
        "fallback when it runs out.",
    ),
    "asked_again": FindingDefinition(
        "warning",
        "Unanswered, asked again",
        "The caller got no answer in time and spoke again. Both utterances count as one turn, whose latency runs from "
        "the last of them: the wait before it is not in the percentiles, but in longest_wait_ms.",
        "Look in your server's log at the first of the two prompts: it was slow, failed, or was dropped.",
    ),
    "waiting": FindingDefinition(
        "error",
        "Caller is waiting now",
        "The caller hears silence at this moment: nothing has been answered yet.",
        "Look at your server. Twilio sets no time limit for it, so the caller waits until one side hangs up.",
    ),
    "slow_turn": FindingDefinition(
        "warning",
        "Slow answer",
        "The caller heard silence for longer than a conversation bears; many speak again or hang up.",
        "See in the latency budget where the time went. Stream the reply from its first words on, or say a short "
        "filler while tools run, and another one where they run for long.",
    ),
    "stall": FindingDefinition(
        "warning",
        "Pause within a reply",
        "The reply stopped coming for a while. When the speech catches up, the caller hears a hole in the middle of a "
        "sentence.",
        "Look at what runs in the middle of a reply, such as a tool call, and say something before it.",
    ),
    "unstreamed_reply": FindingDefinition(
        "info",
        "Long reply in one message",
        "A long reply came as one message: not a word of it could be spoken before all of it was written. When the "
        "caller interrupts, nothing is left to stop, and no sentence to go on from.",
        "Stream the reply: send each token or sentence as the model gives it, the last one with last: true. A fixed "
        "text that takes no time to make loses nothing.",
    ),
    "held_reply": FindingDefinition(
        "info",
        "Reply held until complete",
        "The caller waited, and then a long reply came all at once, faster than any model writes: its beginning could "
        "have been spoken while the rest was still being made.",
        "Send each text as soon as there is one. Twilio speaks what has come and does not wait for last: true, which "
        "ends the reply and does not start it.",
    ),
    "starved_speech": FindingDefinition(
        "warning",
        "Text slower than speech",
        "Text arrives more slowly than it is spoken, so speech halts between words and sentences.",
        "Use a faster model, or send whole sentences rather than single words.",
    ),
    "agent_over_caller": FindingDefinition(
        "info",
        "Agent spoke over caller",
        "The agent began to speak while the caller was still speaking.",
        "If it happens often, let Twilio wait longer for the end of the caller's speech (speechTimeout, eotThreshold).",
    ),
    "false_interruption": FindingDefinition(
        "info",
        "Interrupted by no words",
        "The speech was stopped, but the caller then said nothing: it was noise, a cough or a short “uh-huh”.",
        "Lower interruptSensitivity or switch ignoreBackchannel on, and let the agent go on where it was cut off.",
    ),
    "goodbye_clipped": FindingDefinition(
        "warning",
        "Goodbye cut off",
        "The session was ended before the last words had been played; the caller may not have heard them.",
        "Wait until the speech is over before you send end: tokensPlayed tells when, or reckon with the length of "
        "the text.",
    ),
}

_SPEAKABILITY = {
    "markdown": FindingDefinition(
        "warning",
        "Markdown in speech",
        "The text has formatting marks. A voice reads some of them aloud and stumbles over others.",
        "Ask the model for plain spoken sentences, and strip what is left of the marks before sending.",
    ),
    "url": FindingDefinition(
        "warning",
        "Web address in speech",
        "A web address was spoken letter by letter and sign by sign; hardly anybody can follow or remember it.",
        "Name the page in words, or offer to send the link as a text message.",
    ),
    "raw_number": FindingDefinition(
        "info",
        "Long number in speech",
        "A long run of digits may be read as one huge number, in the millions, rather than digit by digit.",
        "Write it as it shall be spoken: digits with spaces or commas between them, or words.",
    ),
    "missing_space": FindingDefinition(
        "warning",
        "Words run together",
        "Tokens were joined without a space between them: the voice swallows the pause or reads two words as one.",
        "Send tokens as the model gives them, their spaces included; never trim them. Put a space between sentences "
        "that come from different sources.",
    ),
    "wrong_language": FindingDefinition(
        "warning",
        "Reply in another language",
        "The text is not in the language that speech is set to, so the voice reads it with wrong sounds.",
        "Send a language message (or lang with the text) before the language changes, or tell the model which "
        "language to answer in.",
    ),
}

_SETUP = {
    "parameter_card_number": FindingDefinition(
        "error",
        "Card number in parameters",
        "A custom parameter of the TwiML holds what looks like a payment card number. Twilio forbids card data there: "
        "it ends up in logs that are not made for it.",
        "Take it out of the TwiML. Pass a token or an id as the parameter, and look the rest up in your server.",
    ),
    "greeting_card_number": FindingDefinition(
        "error",
        "Card number in greeting",
        "The TwiML's welcomeGreeting holds what looks like a payment card number. Twilio forbids card data there, and "
        "it was spoken to whoever answered.",
        "Take it out of welcomeGreeting. Name a card by its last four digits, once the caller is known.",
    ),
}

_HANDOFF = {
    "handoff_misplaced": FindingDefinition(
        "warning",
        "Reason outside handoffData",
        "end has a reason or the like of its own and no handoffData, which is all that Twilio passes on: Studio and "
        "the connect action learn nothing of it.",
        'Put it into handoffData, as a JSON string: {"type": "end", "handoffData": "{\\"reasonCode\\": \\"…\\"}"}.',
    ),
    "handoff_not_string": FindingDefinition(
        "warning",
        "Handoff data not text",
        "handoffData is something other than a string, which is all that Twilio documents: what follows the call may "
        "get nothing.",
        "Turn the object into a JSON string first.",
    ),
    "handoff_not_json": FindingDefinition(
        "info",
        "Handoff data not JSON",
        "handoffData is plain text. It is passed on as it is, but Studio and other readers cannot pick fields from it.",
        "Send a JSON object as a string, unless its reader expects this very text.",
    ),
    "handoff_encoded_twice": FindingDefinition(
        "warning",
        "Handoff data encoded twice",
        "handoffData is JSON that holds nothing but a text with JSON in it: who reads it once, as Studio does, finds "
        "no fields.",
        "Turn the object into a JSON string once: whatever serialises the message does not need one that is serialised "
        "already.",
    ),
    "handoff_too_large": FindingDefinition(
        "warning",
        "Handoff data very large",
        "handoffData is large for a form field; it may be cut off or refused on its way, and the context of the "
        "conversation is lost to the one who takes over.",
        "Pass an id and keep the rest in a store of your own.",
    ),
    "handoff_card_number": FindingDefinition(
        "error",
        "Card number in handoff",
        "handoffData holds what looks like a payment card number. It ends up in logs and flows that are not made for "
        "card data.",
        "Take it out. Collect card numbers with a means made for payments, and pass a token or the last four digits.",
    ),
}

_ENDING = {
    "call_failed": FindingDefinition(
        "error",
        "Call failed",
        "The session ended as a failure: the caller heard the agent stop, or nothing at all, and Studio goes on from "
        "Failed.",
        "Look in your server's log at this time. Handle the failure in the connect action or behind Studio's Failed, "
        "so that the caller is not left alone.",
    ),
}

_RECORDING = {
    "gap": FindingDefinition(
        "warning",
        "Gap in the recording",
        "Part of the call was relayed but could not be recorded. The caller noticed nothing, but numbers around it "
        "may be wrong. With the cause `fault` it was not relayed either: faults were injected into the call, which was "
        "over first.",
        "See whether the disk was full or too slow, and whether the recorder was behind.",
    ),
    "second_setup": FindingDefinition(
        "warning",
        "Second setup message",
        "A connection of this session sent another setup message, with other ids. Twilio sends one at the beginning, "
        "so what follows may belong to another call.",
        "Find out what sends it: a test client that goes on over one socket is the usual cause. The first ids count.",
    ),
    "parameters_left_out": FindingDefinition(
        "info",
        "Parameters not all kept",
        "The setup message has more custom parameters than calls can be found by; the recording has all of them.",
        "Pass an id and look the rest up, or put those that you search for first.",
    ),
    "reconnected": FindingDefinition(
        "info",
        "Connection made again",
        "The session went on over another connection; in between, the caller may have heard silence.",
        "Find out why the first connection broke: restarts of the server and its idle limits are the usual causes.",
    ),
}

CATALOGUE: dict[str, FindingDefinition] = _PROTOCOL | _STREAM | _SPEAKABILITY | _SETUP | _HANDOFF | _ENDING | _RECORDING
"""By code, in groups: protocol, stream, speakability, setup, handoff, ending, recording."""

OF_SESSION = frozenset({*_PROTOCOL, *_SETUP, *_HANDOFF, *_ENDING, *_RECORDING, "goodbye_clipped"})
"""Codes of findings that belong to the session and to no turn, though they may name the turn in which they happened."""


def severity(code: str) -> Severity:
    """How bad a finding with this code is; `info` for a code that is not in the catalogue."""
    entry = CATALOGUE.get(code)
    return "info" if entry is None else entry.severity


def waiting_finding(conversation: Conversation, now: int, thresholds: Thresholds) -> Finding | None:
    """The alarm of a caller who has been waiting for an answer until `now`, wall nanoseconds, for the time of a slow
    turn or longer; else None. Its `at` is since when."""
    since = conversation.waiting
    if since is None or now - since.since < thresholds.slow_turn_ms * 1_000_000:
        return None
    seconds = (now - since.since) / 1e9
    return Finding("waiting", since.since, f"no answer for {seconds:.1f} s so far", since.turn)
