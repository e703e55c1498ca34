"""Health of retention and erasures: for how long calls are kept, and whether what is due has gone.

Knows: when a run of retention is late.
Must not know: how anything is deleted; HTML.
"""

from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthCheck, HealthFacts, age
from relayproxy.plural import plural
from relayproxy.settings.retention import sentences

LATE = 3 * 3600
"""Seconds after a run of retention without a next one."""


def check(facts: HealthFacts) -> HealthCheck:
    """What the recorder that reported last tells of it."""
    told = next((one for one in facts.working if one.heartbeat.retention is not None), None)
    found = told.heartbeat.retention if told else None
    if told is None or found is None:
        title = "For how long calls are kept is not known"
        return HealthCheck("retention", "unknown", title, "No recorder reports it.")
    kept = " ".join(sentences(found.by_route))
    if found.problem is not None:
        return HealthCheck(
            "retention",
            "bad",
            f"Nothing has been deleted for {_since(facts, found.problem_at or facts.now)}",
            f"{found.problem}. {kept}",
            "See to what it names: the database and the journal, which the recorder must be able to write, or the "
            "clock. It goes on by itself.",
        )
    done = f"{plural(found.content, 'call')} lost what was said, {plural(found.sessions, 'call')} went altogether"
    when = "It has not been through yet" if found.ran_at is None else f"Last through {_since(facts, found.ran_at)} ago"
    looked = f"{when}; {plural(found.due, 'call is', 'calls are')} due. Since the recorder started, {done}."
    if found.erasures:
        looked += f" {plural(found.erasures, 'erasure is', 'erasures are')} being carried out."
    last = found.ran_at or told.heartbeat.started_at
    if facts.now - last > LATE * SECOND:
        return HealthCheck(
            "retention",
            "warn",
            f"What is due has not been deleted for {_since(facts, last)}",
            f"{kept} {looked}",
            "If this stays: the database or the disk is busy, or very much is due at once; see the recorder's log.",
        )
    title, _, more = kept.partition(". ")
    return HealthCheck("retention", "ok", title.rstrip("."), f"{more} {looked}".strip())


def _since(facts: HealthFacts, moment: int) -> str:
    return age(max(0, facts.now - moment) / SECOND)
