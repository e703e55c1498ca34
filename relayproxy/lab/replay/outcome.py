"""Outcome of a replay: how its calls differ from the recorded ones or from today's, and what fails.

Knows: what each call is compared with, when a divergence fails, what a run is summed up to.
Must not know: how calls are made; how differences are found; how an outcome is shown.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from relayproxy import __version__
from relayproxy.comparison.compare import compare
from relayproxy.comparison.limits import Limits
from relayproxy.comparison.model import Comparison, Difference, Divergence, Run
from relayproxy.conversation.model import Conversation
from relayproxy.lab.replay.performing import Replayed
from relayproxy.lab.replay.replaying import Recording, Replays
from relayproxy.lab.replay.script import Script
from relayproxy.lab.simulation.content import content_hash, hash_of
from relayproxy.lab.simulation.summary import CallSummary, FailureSummary, Settings, SimulationSummary, summed_up
from relayproxy.lab.simulation.verdict import ExitCode, Verdict, number_cut_off, verdict
from relayproxy.lab.twilio.result import CallResult
from relayproxy.plural import plural
from relayproxy.recordings.call import CallConnection, fold_connections
from relayproxy.recordings.redacting import redacted
from relayproxy.redaction.masking.json_text import applied
from relayproxy.redaction.masking.masking import mask_string, masked_text
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import Context, Policy
from relayproxy.text import mended

EXPECTED = "a reply that the caller's next words answer"


class Diverged(msgspec.Struct, frozen=True):
    """Where a call parted from the recorded one. Later turns are not scored."""

    turn: int
    """Number of the turn in the recording."""
    reason: str


class ReplayedCall(CallSummary, frozen=True, kw_only=True):
    """One call of a replay."""

    divergence: Diverged | None
    left_out: tuple[str, ...]
    """What the caller had done and did not do this time, and why."""


class RecordingOutcome(msgspec.Struct, frozen=True):
    """One recording and all calls that were made by it."""

    name: str
    comparison: Comparison | None
    """None where no call could be connected."""
    left_out: tuple[str, ...]
    """In any of the calls."""


class ReplayOutcome(msgspec.Struct, frozen=True):
    """All of a replay."""

    verdict: Verdict
    summary: SimulationSummary
    """Of the calls to the backend that is tried."""
    current: SimulationSummary | None
    """Of those to today's."""
    recordings: tuple[RecordingOutcome, ...]


def outcome(recordings: Sequence[Recording], replays: Replays, settings: Settings, limits: Limits) -> ReplayOutcome:
    """What a replay comes to. Without calls to today's backend each divergence fails; with them, one that today's calls
    do not show as well."""
    noise_known = replays.current is not None
    found = tuple(_of_recording(recording, replays, limits, len(recordings)) for recording in recordings)
    summary = _summary(recordings, replays.new, replays, settings, divergence_fails=not noise_known)
    current = (
        None
        if replays.current is None
        else _summary(recordings, replays.current, replays, settings, divergence_fails=False)
    )
    exceeded = [
        f"{one.name}: {_place(difference)}{difference.text}"
        for one in found
        if one.comparison is not None
        for difference in one.comparison.exceeded
        if noise_known or difference.kind != "diverged"
    ]
    return ReplayOutcome(_verdict(summary, current, exceeded), summary, current, found)


def _of_recording(recording: Recording, replays: Replays, limits: Limits, at_once: int) -> RecordingOutcome:
    new, rules = replays.new[recording.name], recording.rules
    current = None if replays.current is None else replays.current[recording.name]
    before = [Run(recording.conversation)] if current is None else list(_runs(current, rules))
    after = list(_runs(new, rules))
    comparison = compare(before, after, limits, at_once=at_once) if before and after else None
    left_out = tuple(dict.fromkeys(mended(text) for made in new for text in made.left_out))
    return RecordingOutcome(recording.name, comparison, left_out)


def _runs(calls: Sequence[Replayed], rules: Rules | None) -> Iterator[Run]:
    """The calls that were connected, masked by these rules."""
    for made in calls:
        if made.call.connections[0].opening.status == 101:
            parted = made.divergence
            told = None if parted is None else Divergence(parted.turn_now, _told(parted.reason))
            yield Run(made.call.conversation if rules is None else _redacted(made.call, rules), told)


def _told(reason: str) -> str:
    """A reason quotes the agent: with secrets masked, whatever the recording has, as it goes into files of CI."""
    return masked_text(_QUOTED.sub(_masked_quote, mended(reason)), Policy())


_QUOTED = re.compile("“([^”]*)”")


def _masked_quote(found: re.Match[str]) -> str:
    """A quoted text, which may have been cut within a number."""
    text = found[1].removesuffix("…")
    cut = text != found[1]
    return f"“{applied(text, mask_string(text, Policy(), Context(), cut=cut).edits)}{'…' if cut else ''}”"


def _redacted(call: CallResult, rules: Rules) -> Conversation:
    session = call.connections[-1].session_id
    connections = [
        CallConnection(one.opening, one.messages, one.ending) for one in call.connections if one.session_id == session
    ]
    return fold_connections(redacted(connections, rules))


def _summary(
    recordings: Sequence[Recording],
    calls: dict[str, list[Replayed]],
    replays: Replays,
    settings: Settings,
    *,
    divergence_fails: bool,
) -> SimulationSummary:
    hashes = {recording.name: _hash(recording.script) for recording in recordings}
    return summed_up(
        [_call(name, made, divergence_fails=divergence_fails) for name, all_made in calls.items() for made in all_made],
        hashes,
        content_hash(hashes),
        settings=settings,
        seconds=replays.seconds,
        relayproxy=__version__,
        interrupted=replays.interrupted,
    )


def _hash(script: Script) -> str:
    return hash_of(msgspec.structs.replace(script, name=""))


def _call(name: str, made: Replayed, *, divergence_fails: bool) -> ReplayedCall:
    parted = None if made.divergence is None else Diverged(made.divergence.turn, _told(made.divergence.reason))
    failures: tuple[FailureSummary, ...] = ()
    if parted is not None and divergence_fails:
        text = f"{name}, turn {parted.turn}: diverged: {parted.reason}"
        failures = (FailureSummary(parted.turn, None, None, EXPECTED, parted.reason, text),)
    kept = CallSummary.of_call(name, made.call, failures)
    left_out = tuple(map(mended, made.left_out))
    return ReplayedCall(
        **{field: getattr(kept, field) for field in CallSummary.__struct_fields__}, divergence=parted, left_out=left_out
    )


def _place(difference: Difference) -> str:
    return "" if difference.turn is None else f"turn {difference.turn}: "


def _verdict(summary: SimulationSummary, current: SimulationSummary | None, exceeded: Sequence[str]) -> Verdict:
    found = verdict(summary, exceeded)
    if found.exit_code == ExitCode.FAILED:
        diverged = sum(bool(call.failures) for call in summary.each_call)
        cut_off = number_cut_off(summary)
        counts = (
            (cut_off, f"{plural(cut_off, 'call')} cut off"),
            (diverged, f"{plural(diverged, 'call')} diverged"),
            (len(exceeded), f"{plural(len(exceeded), 'limit')} exceeded"),
        )
        found = msgspec.structs.replace(found, text=", ".join(words for count, words in counts if count))
    if (
        current is not None
        and current.not_connected
        and found.exit_code
        not in (
            ExitCode.INTERRUPTED,
            ExitCode.NO_CONNECTION,
        )
    ):
        text = f"{plural(current.not_connected, 'call')} could not be connected to today's backend"
        return Verdict(ExitCode.NO_CONNECTION, text, found.details)
    if current is not None and found.exit_code == ExitCode.CLEAN and (cut_off := number_cut_off(current)):
        return Verdict(ExitCode.FAILED, f"{plural(cut_off, 'call')} to today's backend cut off", found.details)
    return found
