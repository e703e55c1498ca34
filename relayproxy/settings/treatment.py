"""Treatment of calls: which routes copy calls to a shadow, and which bring faults about.

Knows: which settings hold for a route, what must fit together, and what is said of it at the start and in the console.
Must not know: how a call is copied or a fault brought about.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from relayproxy.errors import SettingError
from relayproxy.settings.faults import Faults
from relayproxy.settings.model import Settings
from relayproxy.settings.recording import recording
from relayproxy.settings.requirements import leads_to_the_relay
from relayproxy.settings.shadow import Shadow
from relayproxy.settings.signatures import DEFAULT_ROUTE, route_names
from relayproxy.settings.sources import mask

TOOLS = "its tools act on what real callers say"


def shadow_of(settings: Settings, route: str) -> Shadow | None:
    """The shadow of calls over that route; None where there is none. Routes do not inherit that of the default one."""
    own = settings.routes.get(route)
    found = own.shadow if own is not None else settings.shadow if route == DEFAULT_ROUTE else None
    return found if found is not None and found.backend is not None else None


def faults_of(settings: Settings, route: str) -> Faults | None:
    """The faults of calls over that route; None where there are none. Routes do not inherit those of the default
    one."""
    own = settings.routes.get(route)
    found = own.faults if own is not None else settings.faults if route == DEFAULT_ROUTE else None
    return found if found is not None and found.any else None


def require_treatment(settings: Settings) -> None:
    """Raises SettingError, worded with what to set, where a shadow or faults make no sense."""
    if settings.backend is None and settings.shadow.backend is not None:
        raise SettingError("shadow.backend: backend is expected with it; named routes have a shadow of their own")
    if settings.backend is None and settings.faults.any:
        raise SettingError("faults: backend is expected with them; named routes have faults of their own")
    for route in route_names(settings):
        prefix = "" if route == DEFAULT_ROUTE else f"routes.{route}."
        own = settings.routes.get(route)
        shadow, faults = shadow_of(settings, route), faults_of(settings, route)
        if own is not None and own.shadow is not None and shadow is None:
            raise SettingError(f"{prefix}shadow: backend is expected in it, the URL of the second backend")
        if own is not None and own.faults is not None and faults is None:
            raise SettingError(f"{prefix}faults: a fault is expected in it, such as first_token_delay")
        if shadow is not None and shadow.backend is not None:
            _require_shadow(settings, route, prefix, shadow.backend)
        if faults is not None and recording(settings, route).record == "none":
            raise SettingError(
                f"{prefix}faults: record other than none is expected, since nothing would tell what was injected"
            )


def _require_shadow(settings: Settings, route: str, prefix: str, backend: str) -> None:
    first = settings.backend if route == DEFAULT_ROUTE else settings.routes[route].backend
    if backend == first:
        raise SettingError(f"{prefix}shadow.backend={mask(backend)}: another backend than the route's own is expected")
    if leads_to_the_relay(settings, backend):
        raise SettingError(
            f"{prefix}shadow.backend={mask(backend)}: the URL of a ConversationRelay server is expected, and this is "
            f"the relay's own (listen={settings.listen}, public_url={settings.public_url or ''})"
        )
    if recording(settings, route).record == "none":
        raise SettingError(
            f"{prefix}shadow: record other than none is expected, since a shadow's answers are recorded and go nowhere"
        )


def treatment_warnings(settings: Settings) -> Iterator[str]:
    """What is to be said loudly at the start, a line each: shadows and faults, by route."""
    for route in route_names(settings):
        if shadow := shadow_words(settings, route):
            yield f"route {route}: {shadow}"
        if faults := faults_words(settings, route):
            yield f"route {route}: {faults}"


def shadow_words(settings: Settings, route: str) -> str | None:
    """What is copied over that route, in a sentence without its end; None when nothing is."""
    shadow = shadow_of(settings, route)
    if shadow is None:
        return None
    parts = urlsplit(shadow.backend or "")
    return f"{_calls(shadow.share)} copied to a second backend, {parts.scheme}://{parts.netloc}{parts.path}: {TOOLS}"


def faults_words(settings: Settings, route: str) -> str | None:
    """What is injected over that route, in a sentence without its end; None when nothing is."""
    faults = faults_of(settings, route)
    if faults is None:
        return None
    return f"FAULTS ARE INJECTED, {_calls(faults.share)} treated so: {', '.join(fault_words(faults))}"


def fault_words(faults: Faults) -> tuple[str, ...]:
    """The faults, each in words."""
    found: list[str] = []
    if faults.first_token_delay is not None:
        found.append(f"the first message of a reply held back {_time(faults.first_token_delay)}")
    if faults.token_delay is not None:
        found.append(f"each further message of a reply held back {_time(faults.token_delay)}")
    if faults.drop_after is not None:
        found.append(f"both connections reset after {_time(faults.drop_after)}")
    if faults.malformed is not None:
        found.append(f"{100 * faults.malformed:g} % of the backend's messages cut in half")
    if faults.slow_reader is not None:
        found.append(f"the backend read at {faults.slow_reader:,.0f} bytes a second")
    return tuple(found)


def _calls(share: float) -> str:
    return "every call is" if share == 1 else f"{100 * share:g} % of calls are"


def _time(seconds: float) -> str:
    return f"{1000 * seconds:g} ms" if seconds < 1 else f"{seconds:g} s"
