"""Retention settings: for how long the calls of each route are kept, in days and in words.

Knows: that a route may have times of its own; that 0 is for ever.
Must not know: what is deleted, and how.
"""

from collections.abc import Iterator

from relayproxy.settings.model import Settings


def days_by_route(settings: Settings) -> dict[str, tuple[float, float]]:
    """Days for content and for numbers: of all routes by the name `""`, and of those that have other ones."""
    general = (settings.keep_content, settings.keep_numbers)
    own = {name: route.kept_days(*general) for name, route in settings.routes.items()}
    return {"": general} | {name: days for name, days in own.items() if days != general}


def sentences(by_route: dict[str, tuple[float, float]]) -> Iterator[str]:
    """What `days_by_route` means, a sentence for each."""
    for route, (content, numbers) in by_route.items():
        of = f"On route {route}, what" if route else "What"
        if content == numbers:
            yield f"{of} is recorded of a call is kept {_for(content)}."
        else:
            yield f"{of} was said is kept {_for(content)} after a call, and its numbers {_for(numbers)}."


def _for(days: float) -> str:
    if not days:
        return "for ever"
    return "for 1 day" if days == 1 else f"for {days:g} days"
