"""Public URL: whether what Twilio is given leads to a relay.

Knows: that one plain GET is sent, to which a relay answers that it takes WebSockets alone.
Must not know: how an address is probed.
"""

from relayproxy.console.connect.addresses import connect, of_public
from relayproxy.console.health.reachability import probe
from relayproxy.doctor.check import Result, State
from relayproxy.settings.model import Settings

_STATES: dict[str, State] = {"ok": "ok", "warn": "warning", "bad": "failed", "unknown": "warning"}
_ACTIONS = {
    "DNS": "make the name known, or correct public_url",
    "TCP": "open that port towards Twilio, or start what listens there: the relay itself, a front end, a tunnel",
    "TLS": "give the listener at that address a valid certificate for this name, with its chain",
    "HTTP": "see the front end's log, and that it passes requests on to the relay",
}


async def public_url(settings: Settings) -> list[Result]:
    """Goes to the first URL that Twilio is given, as far as it gets. Whether Twilio gets there from outside is another
    matter, where names or networks are split."""
    if settings.public_url is None:
        action = "set public_url, or give Twilio an address that leads to the relay some other way"
        return [Result("public URL", "public_url", "skipped", "not set", action)]
    targets = connect(settings).targets
    url = targets[0].url if targets else settings.public_url
    found = await probe(url)
    conclusion = of_public(found)
    steps = "; ".join(f"{step.name} {step.detail}" for step in found.steps)
    state = _STATES[conclusion.state]
    action = "" if state == "ok" else _ACTIONS[found.steps[-1].name]
    results = [Result("public URL", url, state, f"{conclusion.sentence} {steps}", action)]
    if not url.startswith("wss://"):
        text = "it is ws://, and Twilio connects to wss:// alone"
        results.append(Result("public URL", "scheme", "failed", text, "set public_url to the wss:// URL"))
    return results
