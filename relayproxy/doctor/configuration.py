"""Configuration and signatures: whether the settings fit together, and who may call.

Knows: which settings `serve` requires, what is missing where they are open to strangers.
Must not know: sockets, files but those that references lead to.
"""

from collections.abc import Callable, Iterator

from relayproxy.console.connect.addresses import RelayAddress, connect
from relayproxy.doctor.check import Result, State
from relayproxy.errors import SettingError
from relayproxy.settings.alerts import endpoints, require_alerts
from relayproxy.settings.model import Settings, alert_routes
from relayproxy.settings.otlp import require_otlp
from relayproxy.settings.receiver import require_receiver
from relayproxy.settings.requirements import require_backend, require_sign_in
from relayproxy.settings.signatures import (
    is_public,
    read_key,
    require_signatures,
    route_names,
    signature_rules,
    unverified_routes,
)
from relayproxy.settings.treatment import faults_words, require_treatment, shadow_words


def configuration(settings: Settings, source: str) -> Iterator[Result]:
    """Whether `serve` would start with these settings, which were read from `source`."""
    for name, require, words in (
        ("backend", require_backend, _routes),
        ("sign-in", require_sign_in, _sign_in),
        ("telemetry", lambda given: require_otlp(given.otel), None),
        ("receiver", lambda given: require_receiver(given.receiver, given.otel), None),
    ):
        yield from _required("configuration", name, require, settings, words)
    yield from _treatment(settings)
    yield Result("configuration", "settings", "ok", f"read from {source}; they are valid, each by itself")


def signatures(settings: Settings) -> Iterator[Result]:
    """Who may call each route, and whether the keys for it can be read."""
    addresses = {one.route: one for one in connect(settings).targets}
    open_to_all = unverified_routes(settings)
    for route in route_names(settings):
        rules = signature_rules(settings, route)
        problems = [*_unreadable(rules.references)] if rules.verify != "off" else []
        if problems:
            yield Result("signatures", route, "failed", problems[0], "`serve` does not start before it can be read")
        elif route in open_to_all:
            state: State = "ok" if rules.chosen else "warning"
            action = (
                "" if rules.chosen else "set auth_tokens, and verify to enforce; or verify to off where it is meant"
            )
            yield Result("signatures", route, state, "not checked: whoever knows the URL may call", action)
        elif rules.verify == "enforce":
            keys = ", ".join(rules.references)
            yield Result("signatures", route, "ok", f"enforced, with {keys}. {_paths(addresses.get(route))}".rstrip())
        elif rules.verify == "report":
            text = (
                f"reported, and not enforced: whoever knows the URL may call. {_paths(addresses.get(route))}".rstrip()
            )
            action = "set verify to enforce once Health says that calls have the right signature"
            state = "warning" if is_public(settings) and not rules.chosen else "ok"
            yield Result("signatures", route, state, text, action if state == "warning" else "")
        else:
            yield Result("signatures", route, "ok", "not checked; only this machine can reach the relay")
    try:
        require_signatures(settings)
    except SettingError as problem:
        yield Result("signatures", "settings", "failed", str(problem), "set what is missing: `serve` does not start")


def webhooks(settings: Settings) -> Iterator[Result]:
    """The webhooks that alerts are told to. They are not called."""
    try:
        require_alerts(settings.alerts, settings.webhooks, alert_routes(settings))
        found = endpoints(settings.webhooks)
    except SettingError as problem:
        yield Result("alerts", "settings", "failed", str(problem), "set what is missing: `serve` does not start")
        return
    if not settings.alerts:
        yield Result("alerts", "rules", "skipped", "there are none")
    for name, one in found.items():
        text = f"{one.format} at {one.place}; it was not called: `relayproxy alert-test {name}` does"
        yield Result("alerts", name, "ok", text)


def _required(
    group: str,
    name: str,
    require: Callable[[Settings], None],
    settings: Settings,
    words: Callable[[Settings], str] | None,
) -> Iterator[Result]:
    try:
        require(settings)
    except SettingError as problem:
        yield Result(group, name, "failed", str(problem), "`serve` does not start before")
    else:
        if words is not None:
            yield Result(group, name, "ok", words(settings))


def _treatment(settings: Settings) -> Iterator[Result]:
    found = [*_required("configuration", "treatment", require_treatment, settings, None)]
    if not found:
        for route in route_names(settings):
            if shadow := shadow_words(settings, route):
                found.append(Result("configuration", "treatment", "ok", f"route {route}: {shadow}"))
            if faults := faults_words(settings, route):
                action = "take `faults` out of the settings where real callers call"
                found.append(Result("configuration", "treatment", "warning", f"route {route}: {faults}", action))
    nothing = Result("configuration", "treatment", "ok", "no call is copied, and no faults are injected")
    yield from found or (nothing,)


def _routes(settings: Settings) -> str:
    found = connect(settings).targets
    return "; ".join(f"{one.route}: {one.url} leads to {one.backend}" for one in found)


def _sign_in(settings: Settings) -> str:
    if settings.asks_who:
        return f"the console at {settings.console} asks who is there"
    return f"the console at {settings.console} asks nobody who he is, and only this machine reaches it"


def _paths(address: RelayAddress | None) -> str:
    if address is None or address.signed_path == address.backend_path:
        return ""
    return f"Twilio signs the path {address.signed_path} and the backend sees {address.backend_path}"


def _unreadable(references: tuple[str, ...]) -> Iterator[str]:
    for reference in references:
        try:
            read_key(reference)
        except SettingError as problem:
            yield str(problem)
