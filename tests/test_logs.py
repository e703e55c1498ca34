"""What a line of the log may look like."""

import logging
import subprocess
import sys

from relayproxy.logs import LINE, OneLine, one_line


def logged(record: logging.LogRecord) -> str:
    return OneLine("%(levelname)s %(message)s").format(record)


def test_a_line_cannot_pretend_to_be_two_or_steer_a_terminal() -> None:
    reason = "No\x1b[31m way\r\n2026 relay ERROR all is lost\u2028\x85\x9b\u202e\udcff"
    line = logged(
        logging.makeLogRecord({"msg": "the backend answered 403 %s", "args": (reason,), "levelname": "WARNING"})
    )

    assert line == (
        r"WARNING the backend answered 403 No\x1b[31m way\r\n2026 relay ERROR all is lost\u2028\x85\x9b\u202e\udcff"
    )


def test_a_line_has_an_end() -> None:
    line = logged(logging.makeLogRecord({"msg": "refused: %s", "args": ("x" * 1_000_000,), "levelname": "INFO"}))
    assert len(line) < 2 * LINE
    assert line.endswith("x… (995913 more characters)")


def test_what_people_write_stays_as_it_is() -> None:
    assert one_line("Señor 予約 👩\u200d👩 a\\b") == "Señor 予約 👩\u200d👩 a\\b"


def failed(said: str) -> BaseException:
    try:
        try:
            int(said)
        except ValueError as cause:
            raise RuntimeError(f"cannot take {said}") from cause
    except RuntimeError as problem:
        return problem
    raise AssertionError


def test_a_traceback_says_where_and_never_what_was_said() -> None:
    problem = failed("four two four two")
    info = (type(problem), problem, problem.__traceback__)
    line = logged(logging.makeLogRecord({"msg": "a page failed", "levelname": "ERROR", "exc_info": info}))

    assert line.startswith("ERROR a page failed\n")
    assert line.index("ValueError (its words") < line.index("RuntimeError (its words")
    assert "test_logs.py" in line
    assert "four two" not in line


def test_what_nobody_caught_in_the_event_loop_is_told_without_its_words_or_arguments() -> None:
    code = """
import asyncio
from relayproxy.logs import log_to_stderr

async def task(): raise ValueError("four two")
def callback(said): raise ValueError(said)

async def main():
    asyncio.ensure_future(task())
    asyncio.get_running_loop().call_soon(callback, "four two")
    await asyncio.sleep(0)

log_to_stderr("relay")
asyncio.run(main())
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr

    assert "relay ERROR Exception in callback callback\n" in told
    assert "relay ERROR Task exception was never retrieved\n" in told
    assert "four two" not in told


def test_every_process_logs_like_this() -> None:
    code = "from relayproxy.logs import log_to_stderr as log; log('console'); import logging; logging.info('a\\nb')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.endswith(" console INFO a\\nb\n")
    assert len(done.stderr.splitlines()) == 1
