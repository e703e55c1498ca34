"""Health of the relay: whether one runs, takes calls and can keep what they say.

Knows: what a relay says when it is asked, and what recorders see of it when it does not answer.
Must not know: how it is asked; HTML.
"""

from relayproxy.console.health.diagnosis.health_facts import HealthCheck, HealthFacts, age
from relayproxy.plural import plural
from relayproxy.store.read.health.heartbeat import RelayHeartbeat

STUCK = 10_000
"""Milliseconds without a sign of life after which a relay is stuck."""


def relays_of(facts: HealthFacts) -> list[RelayHeartbeat]:
    """Every relay of every machine, as it says itself."""
    living = (one for report in facts.working for one in report.heartbeat.journals if one.alive)
    return sorted((one.relay for one in living if one.relay is not None), key=lambda one: (one.name, one.pid))


def _each(facts: HealthFacts) -> str:
    several = len({report.heartbeat.host for report in facts.working}) > 1
    words = []
    for report in facts.working:
        on = f" on {report.heartbeat.host}" if several else ""
        for one in report.heartbeat.journals:
            if one.alive and one.relay is not None:
                status = "" if one.relay.status == "ready" else f" ({one.relay.status})"
                words.append(f"{one.relay.name}{on}{status}: {plural(one.relay.live_calls, 'live call')}")
    return "; ".join(sorted(words))


def check(facts: HealthFacts) -> HealthCheck:
    """Whether it takes calls, as it says itself, else as the recorders see it."""
    answer, said = facts.relay, facts.relay.said
    alive = sum(1 for report in facts.working for one in report.heartbeat.journals if one.alive)
    where = f"at {answer.url}" if answer.url else ""
    asked = f"Asked {where}: {answer.problem}." if where else f"It could not be asked: {answer.problem}."
    if said is not None and said.journal != "ok":
        return HealthCheck(
            "relay",
            "bad",
            "The relay cannot write its journal",
            f"It carries {plural(said.live_calls, 'call')} {where}, and what it cannot keep becomes gaps "
            f"({said.journal}).",
            "Make room on its disk, or let it write to its data folder; see disk and journal below.",
        )
    if said is not None and said.status == "full" and said.limit == "connections":
        return HealthCheck(
            "relay",
            "bad",
            "The relay has as many connections as it may have",
            f"It carries {plural(said.live_calls, 'call')} {where}, and refuses further ones with 503.",
            "Raise `max_connections` if they are calls, or run another.",
        )
    if said is not None and said.status == "full":
        return HealthCheck(
            "relay",
            "bad",
            "The relay has no file descriptors left",
            f"It carries {plural(said.live_calls, 'call')} {where}, and refuses further ones with 503.",
            "Raise its limit (`ulimit -n`, `LimitNOFILE=` of systemd, `--ulimit nofile` of Docker), or run another.",
        )
    if said is not None and said.status == "draining":
        return HealthCheck(
            "relay",
            "warn",
            "The relay is stopping and takes no new calls",
            f"{plural(said.live_calls, 'call')} may still end {where}.",
            "Start it again: `relayproxy serve`, or `relayproxy relay`.",
        )
    stuck = [
        (one, report.heartbeat.host)
        for report in facts.working
        for one in report.heartbeat.journals
        if one.alive and one.silent_ms > STUCK
    ]
    if stuck or (alive and said is None and answer.silent):
        shown = f"It has shown no life for {age(max(one.silent_ms for one, _ in stuck) / 1000)}. " if stuck else ""
        on = f" on {stuck[0][1]}" if stuck and len(facts.reports) > 1 else ""
        return HealthCheck(
            "relay",
            "bad",
            f"A relay{on} does not respond",
            f"{shown}{'' if said else f'{asked} '}Its process is there, but it is stopped, or far too busy: its calls "
            "stand still.",
            "If it was stopped (Ctrl-Z, SIGSTOP), let it go on with SIGCONT; else see its log, and what else uses the "
            "processor and the disk of its journal.",
        )
    troubled = [one for one in relays_of(facts) if one.status in ("full", "degraded")]
    if troubled:
        refuses = any(one.status == "full" for one in troubled)
        return HealthCheck(
            "relay",
            "bad",
            f"{troubled[0].name} {'takes no further calls' if refuses else 'cannot write its journal'}",
            f"{_each(facts)}.",
            "Raise `max_connections` if they are calls, or its limit of file descriptors (`ulimit -n`), or run another."
            if refuses
            else "Make room on its disk, or let it write to its data folder; see disk and journal below.",
        )
    if said is not None:
        several = len(relays_of(facts)) > 1
        calls = _each(facts) if several else plural(said.live_calls, "live call")
        return HealthCheck(
            "relay", "ok", f"The relay{'s take' if several else ' takes'} calls", f"{calls}, asked {where}"
        )
    if alive:
        relays = "A relay is" if alive == 1 else f"{alive} relays are"
        return HealthCheck(
            "relay",
            "ok",
            f"{relays} running",
            f"So the recorder says. It was not asked itself: {answer.problem} {where}".strip() + ".",
        )
    if not facts.working and any(one.alive for report in facts.missing for one in report.heartbeat.journals):
        return HealthCheck(
            "relay",
            "unknown",
            "Whether a relay is running is not known",
            f"Asked {where}: {answer.problem}. One was when the recorder last reported.".replace(
                "Asked :", "Not asked:"
            ),
        )
    return HealthCheck(
        "relay",
        "bad",
        "No relay is running",
        asked,
        "Start it: `relayproxy serve`, or `relayproxy relay`. When it listens elsewhere, start the console with the "
        "same `listen` setting.",
    )
