"""Treatment of calls: says which routes copy calls to a second backend, and into which faults are injected.

Knows: the settings of this process, and the words for them.
Must not know: SQL, HTML; how calls are treated.
"""

from relayproxy.console.health.diagnosis.health_facts import HealthCheck, HealthFacts, RouteTreatment
from relayproxy.settings.model import Settings
from relayproxy.settings.signatures import route_names
from relayproxy.settings.treatment import faults_words, shadow_words


def route_treatments(settings: Settings) -> tuple[RouteTreatment, ...]:
    """Those of every route whose calls are treated."""
    found = (
        RouteTreatment(one, shadow_words(settings, one), faults_words(settings, one)) for one in route_names(settings)
    )
    return tuple(one for one in found if one.shadow or one.faults)


def check(facts: HealthFacts) -> HealthCheck:
    """Faults are a warning for as long as they are configured; a shadow is said."""
    faulted = [one for one in facts.treatments if one.faults]
    shadowed = [one for one in facts.treatments if one.shadow]
    said = [f"Route {one.route}: {words}." for one in facts.treatments for words in (one.shadow, one.faults) if words]
    if faulted:
        names = ", ".join(one.route for one in faulted)
        action = "Take `faults` out of the settings where real callers call, and restart relayproxy."
        return HealthCheck("treatment", "warn", f"Faults are injected into calls of {names}", " ".join(said), action)
    if shadowed:
        names = ", ".join(one.route for one in shadowed)
        return HealthCheck("treatment", "ok", f"Calls of {names} are copied to a second backend", " ".join(said))
    return HealthCheck("treatment", "ok", "No call is copied to a second backend, and no faults are injected")
