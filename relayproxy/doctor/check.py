"""Checks: what is looked at, and what was found. They run at once, and none holds up the others.

Knows: groups and their order; that a check that takes too long or breaks is a result, too.
Must not know: what any check looks at.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")

State = Literal["ok", "warning", "failed", "skipped"]
GROUPS = (
    "configuration",
    "ports",
    "certificate",
    "public URL",
    "backends",
    "signatures",
    "database",
    "disk",
    "files",
    "recordings",
    "telemetry",
    "alerts",
    "clock",
    "limits",
)
"""In the order in which they are shown."""
LONGEST = 30.0
"""Seconds for one check."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was found, and what is to be done about it: nothing, where `action` is empty."""

    group: str
    name: str
    state: State
    text: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `run` gives its results."""

    group: str
    name: str
    run: Callable[[], Awaitable[Iterable[Result]]]


async def run_all(checks: Sequence[Check], longest: float = LONGEST) -> tuple[Result, ...]:
    """The results of all checks, in the order of the checks."""
    found = await asyncio.gather(*(_run(check, longest) for check in checks))
    return tuple(one for results in found for one in results)


def by_group(results: Iterable[Result]) -> tuple[Result, ...]:
    """The results in the order in which they are shown."""
    return tuple(sorted(results, key=lambda one: GROUPS.index(one.group)))


async def in_thread(work: Callable[[], T]) -> T:
    """The result of what blocks. A thread that never ends holds nobody up, not even the end of the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, problem: BaseException | None) -> None:
        if done.cancelled():
            return
        if problem is not None:
            done.set_exception(problem)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def thread() -> None:
        result, problem = None, None
        try:
            result = work()
        except BaseException as raised:
            problem = raised
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(tell, result, problem)

    threading.Thread(target=thread, daemon=True, name="check").start()
    return await done


async def _run(check: Check, longest: float) -> Iterable[Result]:
    try:
        async with asyncio.timeout(longest):
            return [*await check.run()]
    except TimeoutError:
        action = "see what it waits for: a name server, a disk on the network, a server that does not answer"
        return [Result(check.group, check.name, "failed", f"it did not end within {longest:g} s", action)]
    except Exception as problem:
        # Its message may quote anything.
        text = f"it could not be checked ({type(problem).__name__})"
        return [Result(check.group, check.name, "failed", text, "this is a mistake of the check itself: report it")]
