"""Configuration and signatures: what `serve` would not start with, and who may call."""

from pathlib import Path

import pytest

from relayproxy.doctor.configuration import configuration, signatures, webhooks
from relayproxy.settings.alerts import Alert, Webhook
from relayproxy.settings.faults import Faults
from relayproxy.settings.model import Settings
from relayproxy.settings.otel import Otel
from relayproxy.settings.receiver import Receiver
from relayproxy.settings.shadow import Shadow
from relayproxy.settings.tables import Route

BACKEND = "wss://agent.example.com/ws?key=canary"
PUBLIC = "wss://relay.example.com"


def test_settings_that_serve_starts_with() -> None:
    settings = Settings(backend=BACKEND, public_url=PUBLIC, routes={"sales": Route(backend="ws://127.0.0.1:9")})
    found = {one.name: one for one in configuration(settings, "relayproxy.toml")}

    assert {one.state for one in found.values()} == {"ok"}
    assert found["backend"].text == (
        "default: wss://relay.example.com/ leads to wss://agent.example.com/ws?key=***; "
        "sales: wss://relay.example.com/r/sales leads to ws://127.0.0.1:9"
    )
    assert "relayproxy.toml" in found["settings"].text
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        (Settings(), "backend", "backend is not set"),
        (Settings(backend=BACKEND, console="0.0.0.0:8081"), "sign-in", "without a sign-in"),
        (
            Settings(backend=BACKEND, otel=Otel(endpoint="http://c:4318", headers="key=env:GONE_X")),
            "telemetry",
            "GONE_X",
        ),
        (Settings(backend=BACKEND, receiver=Receiver(listen="0.0.0.0:4318")), "receiver", "receiver.listen"),
    ],
)
def test_settings_that_it_does_not_start_with(settings: Settings, name: str, words: str) -> None:
    (failed,) = (one for one in configuration(settings, "flags") if one.state == "failed")

    assert failed.name == name
    assert words in failed.text
    assert "`serve` does not start" in failed.action


def test_injected_faults_are_a_warning_and_shadows_are_said() -> None:
    second, faults = Shadow(backend="wss://next.example.com/ws?key=canary", share=0.1), Faults(malformed=0.01)

    def of(settings: Settings) -> list[tuple[str, str]]:
        found = [one for one in configuration(settings, "flags") if one.name == "treatment"]
        assert all(("take `faults` out" in one.action) == (one.state == "warning") for one in found)
        assert "canary" not in repr(found)
        return [(one.state, one.text) for one in found]

    copied = "10 % of calls are copied to a second backend, wss://next.example.com/ws: its tools act on what real "
    injected = "FAULTS ARE INJECTED, every call is treated so: 1 % of the backend's messages cut in half"
    route = Route(backend="wss://staging.example.com", faults=faults)
    assert of(Settings(backend=BACKEND)) == [("ok", "no call is copied, and no faults are injected")]
    assert of(Settings(backend=BACKEND, shadow=second, routes={"staging": route})) == [
        ("ok", f"route default: {copied}callers say"),
        ("warning", f"route staging: {injected}"),
    ]
    assert of(Settings(backend=BACKEND, faults=faults)) == [("warning", f"route default: {injected}")]
    assert [state for state, _ in of(Settings(faults=faults))] == ["failed"]


def test_who_may_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_HERE", "canary")

    def of(**settings: object) -> list[tuple[str, str, str]]:
        found = [*signatures(Settings.model_validate({"backend": BACKEND, **settings}))]
        assert "canary" not in repr(found)
        return [(one.name, one.state, one.text) for one in found]

    tokens = {"auth_tokens": "env:TOKEN_HERE"}
    assert of(public_url=PUBLIC, verify="enforce", **tokens) == [
        ("default", "ok", "enforced, with env:TOKEN_HERE. Twilio signs the path / and the backend sees /ws")
    ]
    assert of(public_url=PUBLIC) == [("default", "warning", "not checked: whoever knows the URL may call")]
    assert of(public_url=PUBLIC, verify="off")[0][1] == "ok"
    assert of(listen="127.0.0.1:8080")[0] == ("default", "ok", "not checked; only this machine can reach the relay")
    assert of(public_url=PUBLIC, **tokens)[0][1:] == (
        "warning",
        "reported, and not enforced: whoever knows the URL may call. Twilio signs the path / and the backend sees /ws",
    )
    gone = of(public_url=PUBLIC, verify="enforce", auth_tokens="env:TOKEN_GONE")
    assert [(name, state) for name, state, _ in gone] == [("default", "failed"), ("settings", "failed")]
    assert "TOKEN_GONE" in gone[0][2]
    assert of(public_url=PUBLIC, verify="enforce")[-1][:2] == ("settings", "failed")


def test_webhooks_are_named_and_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "https://hooks.example.com/canary")
    alerts = {"slow": Alert(kind="p95_latency", above=2.5)}
    settings = Settings(alerts=alerts, webhooks={"ops": Webhook(url="env:HOOK", format="slack")})

    (one,) = webhooks(settings)

    assert (one.state, one.name) == ("ok", "ops")
    assert one.text == "slack at https://hooks.example.com; it was not called: `relayproxy alert-test ops` does"
    monkeypatch.delenv("HOOK")
    assert [(one.name, one.state) for one in webhooks(settings)] == [("settings", "failed")]
    assert [(one.name, one.state) for one in webhooks(Settings())] == [("rules", "skipped")]
