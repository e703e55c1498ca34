"""The public URL: whether it leads to a relay, with one GET that opens no WebSocket."""

from pathlib import Path

from relayproxy.doctor.public import public_url
from relayproxy.settings.model import Settings
from tests.doctor.test_ports import BACKEND, free_port
from tests.doctor.test_ports import stranger as stranger  # a fixture
from tests.running import running


async def test_a_relay_answers(tmp_path: Path) -> None:
    with running("relay", data_dir=tmp_path, listen="127.0.0.1:0", backend=BACKEND) as relay:
        found = await public_url(Settings(public_url=f"ws://localhost:{relay.port}", backend=BACKEND))

    assert [(one.name, one.state) for one in found] == [
        (f"ws://localhost:{relay.port}/", "ok"),
        ("scheme", "failed"),
    ]
    assert found[0].text.startswith("It leads to a relayproxy that takes calls. DNS ")
    assert "Twilio connects to wss:// alone" in found[1].text


async def test_something_else_answers(stranger: str) -> None:
    one, _ = await public_url(Settings(public_url=f"ws://{stranger}", backend=BACKEND))

    assert one.state == "warning"
    assert "not as a relayproxy does" in one.text
    assert "passes requests on to the relay" in one.action


async def test_nobody_answers() -> None:
    one = (await public_url(Settings(public_url=f"wss://127.0.0.1:{free_port()}", backend=BACKEND)))[0]

    assert one.state == "failed"
    assert "connection refused" in one.text
    assert "open that port towards Twilio" in one.action


async def test_without_one() -> None:
    (one,) = await public_url(Settings(backend=BACKEND))

    assert one.state == "skipped"
