"""Requirements: what settings must be there, and fit together, before a process starts.

Knows: that a relay needs a backend other than itself, and a console that others can reach a sign-in.
Must not know: where settings come from; how processes start.
"""

from urllib.parse import urlsplit

from relayproxy.errors import SettingError
from relayproxy.settings.model import Settings, relay_urls
from relayproxy.settings.sources import mask
from relayproxy.settings.validators import ANY_HOST, is_loopback, split_address, unmapped

DEFAULT_PORTS = {"ws": 80, "wss": 443}


def require_backend(settings: Settings) -> None:
    """Raises SettingError when there is nothing to relay to."""
    if settings.backend is None and not settings.routes:
        raise SettingError(
            "backend is not set: the ws:// or wss:// URL of your ConversationRelay server is expected, "
            'as --backend URL, RELAYPROXY_BACKEND or backend = "URL" in the file; or named routes'
        )
    named = {f"routes.{name}.backend": route.backend for name, route in settings.routes.items()}
    for name, url in {"backend": settings.backend, **named}.items():
        if url is not None and leads_to_the_relay(settings, url):
            raise SettingError(
                f"{name}={mask(url)}: the URL of your ConversationRelay server is expected, and this is the relay's "
                f"own (listen={settings.listen}, public_url={settings.public_url or ''})"
            )


def require_sign_in(settings: Settings) -> None:
    """Raises SettingError when the console would show calls without sign-in to other machines."""
    if not settings.asks_who and not is_loopback(split_address(settings.console)[0]):
        raise SettingError(
            f"console={settings.console}: without a sign-in the console listens on loopback only, such as "
            "127.0.0.1:8081. Configure a user ([users.NAME] in the file or RELAYPROXY_USERS__NAME__PASSWORD; "
            '"relayproxy password" makes it), or name a trusted proxy\'s header (console_user_header)'
        )


def leads_to_the_relay(settings: Settings, url: str) -> bool:
    """True when a backend's URL plainly leads back to the relay."""
    here, port = split_address(settings.listen)
    scheme, host, backend_port, path = _place(url)
    here = unmapped(here)
    on_any = here in ANY_HOST and (host in ANY_HOST or is_loopback(host))
    to_any = host in ANY_HOST and is_loopback(here)
    by_name = "localhost" in (here, host) and is_loopback(here) and is_loopback(host)
    if port == backend_port and (host == here or on_any or to_any or by_name):
        return True
    given = relay_urls(settings, settings.public_url).values() if settings.public_url else ()
    return (scheme, host, backend_port, path) in map(_place, given)


def _place(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of a URL, normalised, so that URLs of one address are equal."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, unmapped(parts.hostname or ""), parts.port or DEFAULT_PORTS[scheme], parts.path.rstrip("/")
