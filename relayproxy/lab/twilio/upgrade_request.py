"""The upgrade request with which Twilio opens a ConversationRelay call.

Knows: its headers, as observed on recorded calls.
Must not know: sockets; what is said afterwards.
"""

from urllib.parse import urlsplit

from relayproxy import signature


def headers(public_url: str, auth_token: str | None) -> list[tuple[str, str]]:
    """The upgrade request's headers, in order; the key is for the client library to fill in.

    `public_url` is the URL as the TwiML writes it: its host is the Host header and all of it is signed, with `/` for a
    path that is empty.
    """
    text = signature.SignedForm(path="slash").text(public_url)
    signed = [] if auth_token is None else [("X-Twilio-Signature", signature.sign(text, auth_token))]
    return [
        ("Host", urlsplit(public_url).netloc),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", ""),
        ("User-Agent", "Jetty/11.0.24"),
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("Accept-Encoding", "gzip"),
        *signed,
        *(("x-amzn-bedrock-agentcore-runtime-custom-twilio-signature", value) for _, value in signed),
    ]
