"""Notifier: wakes tasks that wait for a condition, so that they evaluate it again.

Knows: asyncio.
Must not know: what the conditions are.
"""

import asyncio
from collections.abc import Callable


class Notifier:
    """Wakes waiting tasks: call `notify` after each change; `until` returns once its condition holds."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        self._event.set()

    async def until(self, holds: Callable[[], bool], seconds: float | None = None) -> bool:
        """True when `holds` came true; False when `seconds` passed first."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self._event.clear()
                    await self._event.wait()
        except TimeoutError:
            return holds()
        return True
