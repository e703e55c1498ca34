"""`relayproxy demo`: what a newcomer sees of it."""

import signal
from pathlib import Path

from relayproxy.lab.agent.restaurant import SLOW_MS
from tests.supervisor.serving import FREE, Serving, start, until


async def test_the_demo_shows_a_newcomer_what_can_be_found(tmp_path: Path) -> None:
    demo: Serving = await start(Serving, "demo", *FREE, data_dir=tmp_path)
    await demo.until_ready()

    async def all_kinds() -> bool:
        sessions = await demo.sessions()
        slow = [one for one in sessions if (one["totals"]["response_latency_ms"]["p95"] or 0) >= SLOW_MS]
        unanswered = [one for one in sessions if one["totals"]["unanswered"]]
        coughed = await demo.sessions("finding:false_interruption")
        outcomes = {(one["outcome"], one["studio_transition"]) for one in sessions}
        failed = {("backend_connect_failed", "failed"), ("backend_disconnect", "failed")}
        return len(sessions) == 11 and bool(slow) and bool(unanswered) and bool(coughed) and failed <= outcomes

    try:
        await until(all_kinds)
    finally:
        demo.process.send_signal(signal.SIGINT)
        ended = await demo.ends()
    assert ended == 0
    assert "Traceback" not in demo.text
