"""What fuzzing begins with: bytes that each target understands.

Knows: one or a few good inputs for each target.
Must not know: what is done with them.
"""

from relayproxy.journal.format import MAGIC, EntryKind, pack_block, pack_entry
from tests.telemetry.spans import attribute, json, json_span, proto_span, protobuf
from tests.wire import frame

_TALK = (
    '{"type":"setup","sessionId":"VX1","callSid":"CA1","customParameters":{"a":"b"}}',
    '{"type":"prompt","voicePrompt":"I want a table for two","lang":"en-US","last":true}',
    '{"type":"text","token":"Of course. ","last":false,"interruptible":true}',
    '{"type":"text","token":"","last":true}',
    '{"type":"interrupt","utteranceUntilInterrupt":"Of","durationUntilInterruptMs":"300"}',
    '{"type":"dtmf","digit":"1"}',
    '{"type":"info","name":"tokensPlayed","value":"Of course."}',
    '{"type":"error","description":"Invalid message received: {\\"type\\":\\"end\\"}"}',
    '{"type":"end","handoffData":"{\\"reasonCode\\":\\"live-agent\\"}"}',
    '{"type":"language","ttsLanguage":"de-DE","transcriptionLanguage":"de-DE"}',
    '{"type":"play","source":"https://x.example/a.mp3","loop":1,"preemptible":true}',
    '{"type":"sendDigits","digits":"12w3"}',
)
_SECRETS = (
    b'{"type":"setup","sessionId":"VX1","customParameters":{"a":"4111 1111 1111 1111","b":1234567890123456}}',
    b'{"type":"prompt","voicePrompt":"my card is four one one one","lang":"en-US","last":true}',
    b'{"type":"text","token":"go on, my PIN is 41","last":false}',
    b'{"type":"text","token":"11 and jane@example.com","last":true}',
    b'{"type":"prompt","voicePrompt":"one one one one 1111 1111","lang":"en-US","last":false}',
    b'{"type":"dtmf","digit":"4"}',
    b'{"type":"dtmf","digit":"#"}',
    b'{"type":"sendDigits","digits":"4111w1111"}',
    b'{"type":"info","name":"tokensPlayed","value":"go on, my PIN is 4111"}',
    b'{"type":"end","handoffData":"{\\"card\\":\\"4111111111111111\\"}"}',
)
_ENTRIES = b"".join(pack_entry(kind, 1, 100, 7, b"body" * number) for number, kind in enumerate(EntryKind, 1))
_SEGMENT = MAGIC + pack_block(_ENTRIES) + pack_block(_ENTRIES * 2)

SEEDS: dict[str, tuple[bytes, ...]] = {
    "frames": (
        b"\x00\x10\x80\xf0"
        + frame(1, b"hello", mask=True)
        + frame(9, b"?", mask=True)
        + frame(8, b"\x03\xe8", mask=True),
        b"\x01\x10\x80\xf0" + frame(1, b"in ", fin=False) + frame(9) + frame(0, b"parts") + frame(2, b"x" * 200),
        b"\x03\x10\x80\xf0" + frame(1, b"\xcaH\xcd\xc9\xc9\x07\x00", rsv=4) * 2,
        b"\x01\x10\x80\xf0" + frame(1, b"\xff") + frame(3, b"?") + frame(1, b"!"),
    ),
    "journal": (b"\x80" + _SEGMENT, b"\xff" + _SEGMENT[:-9], b"\x40" + _SEGMENT + _SEGMENT[21:]),
    "fold": (
        b"\n".join(
            bytes([64 + (0 if '"type":"text"' not in text and '"end"' not in text else 8)]) + text.encode()
            for text in _TALK
        ),
        b"\n".join(bytes([8 + at % 2 * 56]) + text.encode() for at, text in enumerate(_TALK)),
    ),
    "signatures": (
        b"wss://relay.example.com/ws?b=2&a=%7e1\nc2lnbmF0dXJl\nkey=SK1,algorithm=HMAC_SHA256\nAuthorization",
        b"https://user@[::1]:443\nBearer abc; Basic def\n,,=\nSet-Cookie",
    ),
    "filters": (
        b'outcome:failed -is:gap latency:>2s from:+15550100001 after:2026-01-01 "to the point"',
        b'param.plan:gold,silver turns:3..7 tag:"a b" before:today lang:de',
    ),
    "settings": (
        b'backend = "wss://agent.example.com"\n[routes.sales]\nbackend = "ws://10.0.0.7/"\nslow_turn = 4\n',
        b"\x05=wss://agent.example.com",
        b'{"relayproxy":"recording","version":1,"produced_by":"x","id":"i","session_id":null,"call_sid":null,'
        b'"account_sid":null,"trace_id":"t","connections":[]}\n{"connection":0,"seq":0}',
    ),
    "redaction": (
        b"\x01my card is four one one one oh double one 1111 1111, expiry 12/29, the code is 123",
        b"\x22mein PIN ist eins zwei drei vier, jane punkt doe at example punkt com",
        b"\x43soixante-dix-sept quatre-vingt-dix-neuf 4111 1111 1111 1111",
    ),
    "redactor": (
        b"\n".join(bytes([32 + 8 * (b'"voice' not in text)]) + text for text in _SECRETS),
        b"\n".join(b" " + text for text in _SECRETS) + b"\nfbinary 4111111111111111\no4111 1111 1111 1111",
    ),
    "spans": (
        json(json_span(1, attributes=[attribute("a", "b")], kind="SPAN_KIND_SERVER"), service_name="agent"),
        protobuf(proto_span(1), proto_span(2, parent_span_id=b"12345678"), service_name="agent"),
    ),
}
