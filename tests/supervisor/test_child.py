"""A child process is kept running: it is started again when it dies, and it stops with its parent."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.running import running
from tests.supervisor.serving import call, said_back, serving, until


async def test_whichever_dies_is_started_again_at_the_same_address(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve:
        for number, name in enumerate(("relay", "recorder", "console"), 1):
            first = serve.child(name)
            assert first is not None
            os.kill(first, signal.SIGKILL)

            await serve.says(rf"the {name} ended \(signal SIGKILL\); starting it again in 0\.2 s")
            await serve.says(rf"^{name} (listening on|following) ")
            assert serve.child(name) not in (None, first)
            async with call(serve):

                async def all_calls(count: int = number) -> list[bool] | None:
                    sessions = [session["live"] for session in await serve.sessions()]
                    return sessions if len(sessions) == count and sessions[0] else None

                assert await until(all_calls)


async def test_when_serve_is_killed_its_children_stop_in_an_orderly_way(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve:
        async with call(serve) as ws:
            serve.process.kill()
            await serve.says("draining: 1 call may end")
            assert await said_back(ws, "still here")
        assert await serve.ends() == -signal.SIGKILL


async def test_a_recorder_that_still_works_after_serve_was_killed_holds_up_no_call(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as before:
        recorder = before.child("recorder")
        assert recorder is not None
        os.kill(recorder, signal.SIGSTOP)
        try:
            before.process.kill()
            async with serving(echo, tmp_path) as serve:
                await serve.has_said(
                    r"recorder waiting for the end of another one \(data_dir=.*: another recorder works on"
                )
                async with call(serve) as ws:
                    assert await said_back(ws, "meanwhile")
                os.kill(recorder, signal.SIGCONT)
                await serve.says("recorder following ")

                async def over() -> bool:
                    return [session["live"] for session in await serve.sessions()] == [False]

                assert await until(over)
                assert "ERROR" not in serve.text
        finally:
            with suppress(ProcessLookupError):
                os.kill(recorder, signal.SIGCONT)


async def test_serve_stops_while_its_recorder_waits_for_another_one(echo: str, tmp_path: Path) -> None:
    with running("recorder", data_dir=tmp_path):
        async with serving(echo, tmp_path) as serve:
            await serve.has_said("recorder waiting for the end of another one")
            serve.process.send_signal(signal.SIGTERM)
            assert await serve.ends() == 0
        assert "ERROR" not in serve.text
