"""Flows as Studio exports them, with one thing changed at a time."""

import json
from copy import deepcopy
from typing import Any

from relayproxy.doctor.studio.flow import Flow, read_flow

Widget = dict[str, Any]

GOOD: dict[str, Any] = {
    "description": "A call",
    "states": [
        {
            "name": "Trigger",
            "type": "trigger",
            "transitions": [
                {"event": "incomingMessage"},
                {"next": "agent", "event": "incomingCall"},
                {"event": "incomingRequest"},
            ],
            "properties": {"offset": {"x": 0, "y": 0}},
        },
        {
            "name": "agent",
            "type": "run-conversation-relay",
            "transitions": [{"next": "parse", "event": "success"}, {"next": "sorry", "event": "failed"}],
            "properties": {
                "url": "wss://relay.example.com/r/sales/ws",
                "welcome_greeting": "Hello!",
                "dtmf_detection": True,
                "interruptible": "true",
                "parameters": [{"key": "plan", "value": "{{flow.variables.plan}}"}],
            },
        },
        {
            "name": "parse",
            "type": "set-variables",
            "transitions": [{"next": "which", "event": "next"}],
            "properties": {
                "variables": [{"key": "handoff", "value": "{{ widgets.agent.HandoffData }}", "type": "json_object"}]
            },
        },
        {
            "name": "which",
            "type": "split-based-on",
            "transitions": [
                {"event": "noMatch"},
                {
                    "event": "match",
                    "next": "sorry",
                    "conditions": [
                        {
                            "arguments": ["{{flow.variables.handoff.reason_code}}"],
                            "type": "equal_to",
                            "value": "live-agent",
                        }
                    ],
                },
            ],
            "properties": {"input": "{{flow.variables.handoff.reason_code}}"},
        },
        {
            "name": "sorry",
            "type": "say-play",
            "transitions": [{"event": "audioComplete"}],
            "properties": {"say": "One moment, {{contact.channel.address}}."},
        },
    ],
    "initial_state": "Trigger",
    "flags": {"allow_concurrent_calls": True},
}


def flow(**changed: Widget) -> dict[str, Any]:
    """The good flow; of a widget that is named, what is given takes the place of what it had. Others are added."""
    found = deepcopy(GOOD)
    by_name = {state["name"]: state for state in found["states"]}
    for name, change in changed.items():
        if name not in by_name:
            found["states"].append({"name": name, "type": "say-play", "transitions": [], "properties": {}} | change)
            continue
        properties = by_name[name]["properties"] | change.get("properties", {})
        by_name[name].update(change | {"properties": properties})
    return found


def content(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


def read(**changed: Widget) -> Flow:
    return read_flow(content(flow(**changed)))
