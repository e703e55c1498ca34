"""Diagnosis: a pure function from health facts to health checks with advice.

Knows: the thresholds of concern, and the remedies in words.
Must not know: how the facts are gathered; HTML.
"""

from collections.abc import Iterator

from relayproxy.console.health.diagnosis import (
    alerts,
    database,
    export,
    objects,
    receiver,
    relay,
    retention,
    treatment,
    upgrades,
)
from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthCheck, HealthFacts, HealthVerdict, age
from relayproxy.console.health.diagnosis.journal_gaps import calls_meanwhile, sentence
from relayproxy.console.health.diagnosis.refusals import answered, refused
from relayproxy.console.health.diagnosis.signatures import notes
from relayproxy.console.health.reachability import worst
from relayproxy.console.http.times import size
from relayproxy.plural import plural
from relayproxy.store.read.health.heartbeat import EVERY, Heartbeat, Report

LATE, VERY_LATE = 5_000, 60_000
"""Milliseconds from relay to database."""
FULL, NEARLY_LOST = 0.5, 0.9
"""Shares of the journal's quota."""
LOW, VERY_LOW = 0.10, 0.02
"""Shares of a disk that are free."""
AHEAD = 5
"""Seconds by which a recorder's clock may be ahead of the console's."""

NOTED = 3600
"""Seconds for which a call that was refused before it reached a backend is worth looking at."""
OVERDUE = 3 * EVERY
"""Seconds without a report after which a recorder is late."""

_RUN = "`relayproxy recorder`"


def diagnose(facts: HealthFacts) -> tuple[HealthCheck, ...]:
    """Every check, always in the same order."""
    return (
        relay.check(facts),
        _recorder(facts),
        _lag(facts),
        _journal(facts),
        _gaps(facts),
        _refused(facts),
        _signatures(facts),
        _redaction(facts),
        treatment.check(facts),
        database.check(facts),
        _disk(facts),
        export.check("spans", facts),
        export.check("metrics", facts),
        receiver.check(facts),
        alerts.check(facts),
        _audit(facts),
        _clock(facts),
        upgrades.versions(facts),
        upgrades.recordings(facts),
        retention.check(facts),
        objects.check(facts),
    )


def verdict(checks: tuple[HealthCheck, ...]) -> HealthVerdict:
    """The first of the worst, in words."""
    state = worst(check.state for check in checks)
    if state == "ok":
        return HealthVerdict("ok", "Everything works.")
    first = next(check for check in checks if check.state == state)
    others = sum(1 for check in checks if check.state in ("bad", "warn")) - 1
    sentence = f"{first.title}." if state != "unknown" else f"Nothing is known to be wrong. {first.title}."
    return HealthVerdict(state, sentence, first.name, max(0, others))


def _recorder(facts: HealthFacts) -> HealthCheck:
    if facts.database is None:
        return HealthCheck("recorder", "unknown", "Recorders report through the database, which cannot be read")
    working, missing = facts.working, facts.missing
    if missing:
        first = missing[0]
        heartbeat, since = first.heartbeat, age(facts.age(first))
        who = f"The recorder on {heartbeat.host}" if len(facts.reports) > 1 else "The recorder"
        others = f" {plural(len(missing) - 1, 'other')} as well." if len(missing) > 1 else ""
        title = f"{who} was stopped {since} ago" if heartbeat.ended else f"{who} has not reported for {since}"
        why = "" if heartbeat.ended else "It is not running, or it cannot write to the database. "
        return HealthCheck(
            "recorder",
            "bad",
            title,
            f"{why}Calls go on, and their relay keeps what comes in the journal in {heartbeat.data_dir} "
            f"on {heartbeat.host}."
            f"{others}",
            f"Start it there: {_RUN}, or `relayproxy serve` for all three. Its log says why it stopped.",
        )
    if not working:
        return HealthCheck(
            "recorder",
            "bad",
            "No recorder has ever reported",
            "Calls are carried and kept in the journal, but nothing of them is shown.",
            f"Start it: {_RUN}, or `relayproxy serve`.",
        )
    latest = max(facts.age(report) for report in working)
    calls = sum(report.heartbeat.calls for report in working)
    if latest > OVERDUE:
        return HealthCheck(
            "recorder",
            "warn",
            f"The recorder last reported {age(latest)} ago",
            f"It reports every {EVERY:g} s. Something holds it up: a database that is locked, a disk or a processor "
            "that is busy.",
            "If this stays, see what else writes to the database and what the recorder's log says.",
        )
    title = "The recorder works" if len(working) == 1 else f"{len(working)} recorders work"
    return HealthCheck("recorder", "ok", title, f"Reported {age(latest)} ago; {plural(calls, 'live connection')}")


def _lag(facts: HealthFacts) -> HealthCheck:
    if not facts.working:
        return HealthCheck("lag", "unknown", "How far recording is behind is not known", "No recorder reports.")
    late = max(facts.working, key=lambda report: report.heartbeat.lag_ms).heartbeat
    unread = sum(one.unread for report in facts.working for one in report.heartbeat.journals)
    detail = f"{size(unread)} not read yet; the last commit took {late.commit_ms:.0f} ms"
    if late.lag_ms <= LATE:
        told = "under 100 ms" if late.lag_ms < 100 else f"{late.lag_ms / 1000:.1f} s"
        return HealthCheck("lag", "ok", f"Recording is {told} behind the calls", detail)
    return HealthCheck(
        "lag",
        "bad" if late.lag_ms > VERY_LATE else "warn",
        f"Recording is {age(late.lag_ms / 1000)} behind the calls",
        f"{detail}. What waits is in the journal.",
        "It catches up by itself after a restart or a burst. If it does not: see whether the database or the processor "
        f"of {late.host} is busy with something else.",
    )


def _journal(facts: HealthFacts) -> HealthCheck:
    if not facts.working:
        return HealthCheck("journal", "unknown", "How full the journal is is not known", "No recorder reports.")
    used, report = max(((_share(report), report) for report in facts.working), key=lambda pair: pair[0])
    heartbeat = report.heartbeat
    total = sum(one.bytes for one in heartbeat.journals)
    detail = f"{size(total)} of {size(heartbeat.quota)}, in {plural(len(heartbeat.journals), 'journal')}"
    if used < FULL:
        return _windows(facts) or HealthCheck("journal", "ok", "The journal has room", detail)
    return HealthCheck(
        "journal",
        "bad" if used >= NEARLY_LOST else "warn",
        f"The journal is {used:.0%} full",
        f"{detail}. At 100% what is said is not recorded any more and becomes gaps; calls are not affected.",
        "Help the recorder catch up (see above), or give the relay a larger `journal_quota` and the disk for it.",
    )


def _windows(facts: HealthFacts) -> HealthCheck | None:
    told = [one.heartbeat for one in facts.working if one.heartbeat.windows_trouble is not None]
    if not told:
        return None
    first = min(told, key=lambda one: one.windows_failing_since or 0)
    since = age(max(0, facts.now - (first.windows_failing_since or 0)) / SECOND)
    return HealthCheck(
        "journal",
        "warn",
        f"What compressed calls go on from has not been written for {since}",
        f"The recorder on {first.host} cannot write beside the journal ({first.windows_trouble}). Nothing is missing "
        "as long as it runs; after a restart, what live calls say in compressed messages would be a gap.",
        "Let it write there (space, free inodes, rights of the journal's folder), and do not restart it before.",
    )


def _share(report: Report) -> float:
    total = sum(one.bytes for one in report.heartbeat.journals)
    return total / report.heartbeat.quota if report.heartbeat.quota else 0.0


def _gaps(facts: HealthFacts) -> HealthCheck:
    if facts.database is None:
        return HealthCheck("gaps", "unknown", "Whether there are gaps is not known", "The database cannot be read.")
    if facts.lost:
        return _lost(facts)
    none = "None in the last 24 hours either."
    day = f"{plural(facts.day.gaps, 'gap')} in {plural(facts.day.sessions, 'session')} in the last 24 hours"
    link = "/sessions?q=is%3Agap" if facts.day.gaps else None
    said = facts.relay.said
    if said is not None and said.journal != "ok":
        return HealthCheck(
            "gaps",
            "bad",
            "What calls say now is not recorded",
            f"The relay cannot write its journal ({said.journal}). How much is missing is recorded once it can. {day}.",
            "Make room on the relay's disk, or let it write to its data folder; see disk and journal.",
            link,
        )
    if not facts.hour.gaps and not _is_up_to_date(facts):
        title = "Whether anything is missing from the last hour is not known yet"
        return HealthCheck("gaps", "unknown", title, f"Of what is recorded so far: {day}.", link=link)
    if not facts.hour.gaps:
        return HealthCheck(
            "gaps", "ok", "Nothing is missing from the last hour", day if facts.day.gaps else none, link=link
        )
    return HealthCheck(
        "gaps",
        "warn",
        f"{plural(facts.hour.gaps, 'gap')} in the recordings of the last hour",
        f"{day}. Calls do not wait for the recording: what is missing was passed on as far as the other side took it.",
        "Open the sessions: each gap says its cause, a disk slower than the calls, a recorder too far behind, or a "
        "journal that could not be written.",
        link,
    )


def _is_up_to_date(facts: HealthFacts) -> bool:
    """True when what has been said until a few seconds ago is in the database."""
    return bool(facts.working) and not facts.missing and all(one.heartbeat.lag_ms <= LATE for one in facts.working)


def _lost(facts: HealthFacts) -> HealthCheck:
    first, others = facts.lost[0], len(facts.lost) - 1
    more = f" {plural(others, 'other part')} of journals as well." if others else ""
    inside = f" {plural(facts.day.gaps, 'gap')} in {plural(facts.day.sessions, 'session')} besides."
    ago = age((facts.now - first.until) / SECOND)
    return HealthCheck(
        "gaps",
        "warn",
        f"A part of the journal could not be read, from {ago} ago",
        f"{sentence(first)}.{more}{inside if facts.day.gaps else ''} Calls of that time may be missing here or have "
        f"gaps. {calls_meanwhile(first)}",
        "See whether the disk of the data folder is well (its log, SMART) and what else writes to that folder.",
        "/sessions?q=is%3Agap" if facts.day.gaps else None,
    )


def _refused(facts: HealthFacts) -> HealthCheck:
    if facts.database is None:
        return HealthCheck("refused", "unknown", "What was refused is not known", "The database cannot be read.")
    found = tuple(one for one in refused(facts.reports) if one.last.reason != "not_recorded")
    if not found:
        return HealthCheck("refused", "ok", "No request was refused before it reached a backend")
    # What is signed, or was relayed all the same, was meant as a call; the rest is noise on a public port.
    calls = [one for one in found if one.last.signed or not one.last.status]
    recent = [one for one in calls if facts.now - one.last.at < NOTED * SECOND]
    first = (recent or calls or found)[0]
    since = age(max(0, facts.now - first.last.at) / SECOND)
    others = sum(one.count for one in found) - first.count
    more = f" {plural(others, 'other request')} as well, for other reasons." if others else ""
    detail = f"The last {since} ago. {answered(first.last)}.{more}"
    if recent:
        return HealthCheck("refused", "warn", first.title.replace("`", ""), detail, first.action, "/connect#refused")
    return HealthCheck("refused", "ok", first.title.replace("`", ""), detail, link="/connect#refused")


def _signatures(facts: HealthFacts) -> HealthCheck:
    found = notes(facts.signatures, facts.now)
    if not found:
        return HealthCheck("signatures", "ok", "No signature has been checked yet")
    first = found[0]
    rest = [one.title for one in found[1:] if one.state == first.state]
    detail = " ".join(filter(None, [first.detail, *(f"{title}." for title in rest)]))
    return HealthCheck("signatures", first.state, first.title, detail, first.action, first.link)


def _redaction(facts: HealthFacts) -> HealthCheck:
    if not facts.reports:
        return HealthCheck("redaction", "unknown", "Whether redaction works is not known", "No recorder reports.")
    failed = [one.heartbeat for one in facts.reports if one.heartbeat.redaction_failures]
    if not failed:
        limited = [one.heartbeat for one in facts.reports if one.heartbeat.search_limited]
        if limited:
            return _search_limit(limited, facts.now)
        unrecorded = [one for one in refused(facts.reports) if one.last.reason == "not_recorded"]
        detail = (
            f"{plural(sum(one.count for one in unrecorded), 'call')} not recorded at all, as `record = none` asks for."
        )
        return HealthCheck(
            "redaction", "ok", "What is secret is masked before anything is stored", detail if unrecorded else ""
        )
    since = age(max(0, facts.now - max(one.redaction_failed_at or 0 for one in failed)) / SECOND)
    count = plural(sum(one.redaction_failures for one in failed), "message")
    return HealthCheck(
        "redaction",
        "bad",
        f"Redaction failed, the last time {since} ago",
        f"Of {count} nothing but metadata was kept: no words, and nothing unmasked. Calls are not affected.",
        "Report it with what the recorder's log says: it names the place in the program, and nothing of what was said.",
    )


def _search_limit(limited: list[Heartbeat], now: int) -> HealthCheck:
    since = age(max(0, now - max(one.search_limited_at or 0 for one in limited)) / SECOND)
    count = plural(sum(one.search_limited for one in limited), "message")
    return HealthCheck(
        "redaction",
        "warn",
        f"More was sent than is searched for secrets, the last time {since} ago",
        f"Of {count} nothing but metadata was kept: no words, and nothing unmasked. Calls are not affected.",
        "See who sent so much: no real call does. Check signatures, so that strangers cannot connect.",
    )


def _disk(facts: HealthFacts) -> HealthCheck:
    disks = list(_disks(facts))
    if not disks:
        return HealthCheck("disk", "unknown", "How much disk is free is not known", "No recorder reports.")
    share, free, total, where = min(disks)
    detail = f"{size(free)} of {size(total)} {where}"
    if share >= LOW:
        return HealthCheck("disk", "ok", f"{share:.0%} of the disk is free", detail)
    return HealthCheck(
        "disk",
        "bad" if share < VERY_LOW else "warn",
        f"Only {share:.1%} of the disk is free",
        f"{detail}. On a full disk calls go on, and what they say is not recorded.",
        "Make room, or move the data folder to a larger disk.",
    )


def _disks(facts: HealthFacts) -> Iterator[tuple[float, int, int, str]]:
    for heartbeat in (report.heartbeat for report in facts.working):
        if heartbeat.disk_total:
            where = f"at {heartbeat.data_dir} on {heartbeat.host}"
            yield heartbeat.disk_free / heartbeat.disk_total, heartbeat.disk_free, heartbeat.disk_total, where
    found = facts.database
    if found is not None and found.free is not None and found.total:
        yield found.free / found.total, found.free, found.total, "where the database is"


def _audit(facts: HealthFacts) -> HealthCheck:
    audit = facts.audit
    if audit.failing_since is None:
        lost = f"{plural(audit.lost, 'entry', 'entries')} could not be kept" if audit.lost else ""
        return HealthCheck("audit", "warn" if lost else "ok", "Who looks at calls is recorded", lost)
    return HealthCheck(
        "audit",
        "bad",
        f"The audit has not been written for {age((facts.now - audit.failing_since) / SECOND)}",
        f"{audit.cause}. {plural(audit.waiting, 'entry waits', 'entries wait')} in the console's memory"
        + (f", {audit.lost:,} found no room." if audit.lost else "."),
        "See to the database: it must let the console write. Until then nobody who signs in can download a recording.",
    )


def _clock(facts: HealthFacts) -> HealthCheck:
    ahead = max((report.at - facts.now for report in facts.reports), default=0) / SECOND
    if facts.step:
        way = "forward" if facts.step > 0 else "back"
        return HealthCheck(
            "clock",
            "warn",
            f"This machine's clock was set {way} by {age(abs(facts.step))}",
            "It happened while this console was running. Durations are not affected; times of day of calls before "
            "and after do not fit together.",
            "Let a time service keep the clock (chrony, systemd-timesyncd), and restart the console once it is right.",
        )
    if ahead > AHEAD:
        return HealthCheck(
            "clock",
            "warn",
            f"A recorder's clock is {age(ahead)} ahead of this machine's",
            "Times of day of calls and of this console do not fit together.",
            "Let a time service keep the clocks of all machines (chrony, systemd-timesyncd).",
        )
    return HealthCheck("clock", "ok", "Clocks agree", "Of this console and the recorders, as far as reports show")
