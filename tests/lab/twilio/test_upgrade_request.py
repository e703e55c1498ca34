"""The request with which Twilio opens a call."""

from relayproxy.lab.twilio import upgrade_request
from relayproxy.signature import sign


def test_the_headers_are_those_of_the_recordings() -> None:
    headers = upgrade_request.headers("wss://phone.example.net/relay/fixture", "token")
    signature = sign("wss://phone.example.net/relay/fixture", "token")
    assert headers == [
        ("Host", "phone.example.net"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", ""),
        ("User-Agent", "Jetty/11.0.24"),
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("Accept-Encoding", "gzip"),
        ("X-Twilio-Signature", signature),
        ("x-amzn-bedrock-agentcore-runtime-custom-twilio-signature", signature),
    ]


def test_an_empty_path_is_signed_as_a_slash() -> None:
    signed = dict(upgrade_request.headers("wss://phone.example.net?a=1", "token"))

    assert signed["X-Twilio-Signature"] == sign("wss://phone.example.net/?a=1", "token")


def test_without_a_token_nothing_is_signed() -> None:
    assert not any("signature" in name.lower() for name, _ in upgrade_request.headers("wss://h/", None))
