"""Background migration of the embedded database.

Knows: running `relayproxy migrate` until it works, what to say meanwhile.
Must not know: schemas, SQL.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping

from relayproxy.errors import RelayproxyError
from relayproxy.retry import retry_async
from relayproxy.supervisor.child import BACKOFF

log = logging.getLogger(__name__)


class Migration:
    """Migration of the embedded database. `run` is to be run as a task; cancelling it ends the attempt under way.
    `replaced` is awaited when it has worked after trouble: the file may be another one now, and must be reopened."""

    def __init__(
        self, environment: Mapping[str, str], replaced: Callable[[], Awaitable[None]], *, thorough: bool = False
    ) -> None:
        self._options = ("--supervised", "--thorough") if thorough else ("--supervised",)
        self._environment = environment
        self._replaced = replaced
        self.tried = asyncio.Event()
        """Set once the first attempt is over, well or not."""

    async def run(self) -> None:
        """Returns when the database is ready. Says what is wrong whenever that changes, and when it has worked."""
        said = ""

        def failed(problem: Exception) -> None:
            nonlocal said
            if str(problem) != said:
                said = str(problem)
                log.error("%s (calls are carried and kept in the journal; trying again until it works)", said)
            self.tried.set()

        words = await retry_async(self._attempt, BACKOFF, errors=RelayproxyError, failed=failed)
        if words not in ("", said):
            log.error("%s", words)
        if words or said:
            await self._replaced()
            log.warning("the database is ready; recording goes on")
        self.tried.set()

    async def _attempt(self) -> str:
        """Tries to migrate once. Returns a warning to print after a success. Raises RelayproxyError with the
        problem."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "relayproxy", "migrate", *self._options),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as problem:
            raise RelayproxyError(f"the database cannot be prepared: {problem}") from None
        assert process.stderr is not None
        assert process.stdout is not None
        try:
            words, told = await asyncio.gather(process.stderr.read(), process.stdout.read())
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        for line in told.decode("utf-8", "replace").splitlines()[1:]:
            # After the first, which is that it has worked: what else there is to do.
            log.warning("%s", line)
        text = words.decode("utf-8", "replace").strip().removeprefix("relayproxy: error: ")
        if code:
            raise RelayproxyError(text or f"the database cannot be prepared (exit code {code})")
        return text
