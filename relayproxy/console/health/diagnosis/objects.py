"""Health of what lies in a bucket or a folder: whether recordings get there, and whether what is deleted goes.

Knows: for how long a place may be away before that is bad.
Must not know: how anything is moved; HTML.
"""

from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthCheck, HealthFacts, age
from relayproxy.plural import plural
from relayproxy.store.read.health.heartbeat import RecordingsHeartbeat

LONG = 600
"""Seconds for which a place may be away without harm."""
_GOES_ON = "It goes on by itself once it answers."


def check(facts: HealthFacts) -> HealthCheck:
    """What the recorders tell of it; of several one moves recordings, and any may be hindered."""
    told = [one.heartbeat.recordings for one in facts.working if one.heartbeat.recordings is not None]
    if not told:
        return HealthCheck("objects", "unknown", "Where recordings lie is not known", "No recorder reports it.")
    found = min(told, key=lambda one: (one.problem_at is None, one.problem_at or 0, -one.moved))
    waiting = _waiting(facts, found)
    if found.problem is not None:
        since = (facts.now - (found.problem_at or facts.now)) / SECOND
        what = "no recording has been moved" if found.place else "no recording has been deleted where it was moved to"
        return HealthCheck(
            "objects",
            "bad" if since > LONG else "warn",
            f"For {age(max(0, since))} {what}",
            f"{found.problem}. Calls are recorded all the same and stay in the database; recordings that lie elsewhere "
            f"cannot be read until it answers. {waiting}",
            f"See to the place that it names, its address, and the credentials for it. {_GOES_ON}",
        )
    places = sorted({one.place or "the database" for one in told})
    if len(places) > 1:
        return HealthCheck(
            "objects",
            "warn",
            "Recorders have different places for recordings",
            f"Their settings say {' and '.join(places)}. One recorder moves what all have recorded, by its own "
            f"settings, and any may be the next to do it. {waiting}",
            "Give all recorders the same `recordings` and `recordings_endpoint`, and start them again.",
        )
    if found.place is None and not found.deletions:
        return HealthCheck("objects", "ok", "Recordings of calls that are over stay in the database")
    title = (
        f"Recordings of calls that are over go to {found.place}" if found.place else "Recordings stay in the database"
    )
    moved = f"{plural(found.moved, 'part was', 'parts were')} moved since the recorder started."
    return HealthCheck("objects", "ok", title, f"{moved} {waiting}")


def _waiting(facts: HealthFacts, found: RecordingsHeartbeat) -> str:
    since = f", the first for {age((facts.now - found.waiting_since) / SECOND)}" if found.waiting_since else ""
    said = f"{plural(found.waiting, 'part waits', 'parts wait')} to be moved{since}"
    if found.deletions:
        said += f"; {plural(found.deletions, 'object is', 'objects are')} to be deleted there"
    return f"{said}."
