"""Packing: the details of sessions and turns, which are JSON, as few bytes.

Knows: the form of packed details; the text that most of them repeat.
Must not know: tables; what details mean.

A packed detail is one byte, which says by which dictionary it was packed, and raw DEFLATE. A database holds it for
years: a dictionary that was in use is never changed, only followed by another one, whatever the fields are called by
then.
"""

import zlib

_FIRST = b"\x01"
_WINDOW = -13
"""Bits of the distance that is looked back over: room for the dictionary and most details. Negative: without a header
and a checksum."""
_LEVEL = 3
"""More takes a half longer and saves a twentieth."""
_MEMORY = 6

# What is in every detail comes last, where it is nearest.
DICTIONARY = (
    b'{"session_id":"VX","call_sid":"CA","account_sid":"AC","from_number":"+1","to_number":"+1",'
    b'"direction":"inbound","caller_name":null,"custom_parameters":{},"setup":{"type":"setup","sessionId":"VX",'
    b'"callSid":"CA","parentCallSid":"","from":"+1","to":"+1","forwardedFrom":"","callerName":"",'
    b'"direction":"inbound","callType":"PSTN","callStatus":"RINGING","accountSid":"AC","applicationSid":null,'
    b'"customParameters":{}},"started_at":17,"ended_at":null,"outcome":null,"ended_by":null,"end_reason":null,'
    b'"ended_at":17,"outcome":"caller_hangup","ended_by":"caller","end_reason":"The caller hung up.",'
    b'"outcome":"ended_by_backend","ended_by":"backend","end_reason":"The agent ended the session.",'
    b'"outcome":"unknown","ended_by":"twilio",'
    b'"end_reason":"Twilio\'s connection ended without a close; the caller may have hung up.",'
    b'"studio_transition":"success","studio_transition":null,"twilio_error_code":null,"handoff":{"at":17,'
    b'"raw":"{\\"reasonCode\\": \\"live-agent\\", \\"reason\\": \\"","json":{"reasonCode":"live-agent","reason":""},'
    b'"is_string":true,"bytes":,"reason_code":"live-agent"},"handoff":null,"turns":[],"messages":1,"gaps":0,'
    b'"gap_bytes":0,"settled_turns":1,"confidence":"guess","confidence":"certain","confidence":null,"tier":"B",'
    b'"tier":"A","totals":{"turns":1,"responses":1,"interruptions":{"caller_speech":1},"interruptions":{},'
    b'"interrupted_responses":0,"false_interruptions":0,"unanswered":0,"asked_again":0,"longest_wait_ms":1,'
    b'"coalesced_prompts":0,"speculative":0,"stale_chunks":0,"stale_chars":0,"stalls":0,"sent_chars":1,'
    b'"unheard_chars":0,"response_latency":{"n":1,"p50_ms":1,"p95_ms":1,"max_ms":1,"excluded":{"session_closed":1}},'
    b'"backend_latency":{"n":1,"p50_ms":1,"p95_ms":1,"max_ms":1,"excluded":{"session_closed":1}},'
    b'"user_bot_latency":{"n":0,"p50_ms":null,"p95_ms":null,"max_ms":null,"excluded":{"tier":1}},'
    b'"time_to_first_sentence":{"n":1,"p50_ms":1,"p95_ms":1,"max_ms":1,"excluded":{}},"overhead_in":{"n":1,'
    b'"p50_ms":0.06,"p95_ms":0.1,"max_ms":0.1,"excluded":{}},"overhead_out":{"n":1,"p50_ms":0.06,"p95_ms":0.1,'
    b'"max_ms":0.1,"excluded":{}},"backend_connect_ms":4,"backend_connect_ms":null,"greeting_latency_ms":null,'
    b'"greeting_null_reason":"no_response","silence":{"backend":{"total_ms":1,"longest_ms":1,"episodes":0,'
    b'"estimated":false},"tts":{"total_ms":1,"longest_ms":1,"episodes":0,"estimated":false},"caller":{"total_ms":1,'
    b'"longest_ms":1,"episodes":0,"estimated":true}},"handoff_latency_ms":null,"clipped_chars":null,'
    b'"teardown_ms":null,"violations":0,"consecutive_violations":0,"speaking_rate":null,"findings":{"slow_turn":1},'
    b'"redacted":{}},"findings":[],"waiting":{"turn":1,"since":17},"waiting":null,"closed_by":{"":"twilio"},'
    b'"closed_by":{},"record":null,"record":"redacted","held":[],"strip":""}"heard_text":"","unheard_text":"",'
    b'"heard_basis":"interrupt","heard_text":"","heard_basis":"estimated","heard_basis":"tokens_played",'
    b'"greeting":"","languages":["en-US"],"sent_digits":"","media":["https://"],"agent_over_caller":true,'
    b'"attribution":"inferred","cut_off":true,"lead_time_ms":1,"stalls":1,"unterminated":true,'
    b'"reply_complete_estimated":true,"caller_estimated":true,"detail":"no words followed the interruption",'
    b'"turn":1,"detail":" until the first word, on a line","code":"missing_last",'
    b'"detail":"the last text of the answer did not say last: true","code":"false_interruption","code":"stall",'
    b'" s between two parts of the answer",{"at":17,"kind":"language","text":"en-US"},{"at":17,"kind":"dtmf",'
    b'"text":"1"},"opened_by":"proactive","opened_by":"dtmf","reply_complete_ms":"interrupted",'
    b'"null_reasons":{"reply_complete_ms":"session_closed","user_bot_latency_ms":"pending",'
    b'"output_delay_ms":"pending"},{"number":0,"opened_by":"setup","started_at":17,"ended_at":null,"caller_text":"",'
    b'"caller_at":null,"agent_text":"","agent_at":null,"agent_done_at":null,"dtmf":"",'
    b'"null_reason":"session_closed","null_reason":"no_response","null_reason":"no_prompt","coalesced_prompts":0,'
    b'"interruptions":[],"unanswered":true,"unanswered":false,"lang":null,"budget":{},"tier":"B",'
    b'"null_reasons":{"reply_complete_ms":"no_prompt","input_delay_ms":"no_prompt","backend_latency_ms":"no_prompt",'
    b'"output_delay_ms":"no_prompt","user_bot_latency_ms":"no_prompt","longest_wait_ms":"no_prompt",'
    b'"time_to_first_token_ms":"no_prompt","first_reaction_ms":"no_prompt","time_to_first_sentence_ms":"no_prompt",'
    b'"aggregation_delay_ms":"no_response","time_to_last_token_ms":"no_prompt","stream_duration_ms":"no_response"},'
    b'"null_reasons":{"input_delay_ms":"tier","user_bot_latency_ms":"tier","output_delay_ms":"event_missing"},'
    b'{"number":1,"opened_by":"prompt","started_at":17,"ended_at":17,"caller_text":"","caller_at":17,'
    b'"agent_text":"","agent_at":17,"agent_done_at":17,"dtmf":"","null_reason":null,"coalesced_prompts":0,'
    b'"interruptions":[{"at":17,"kind":"caller_speech","heard_text":"","heard_ms":1,"stale_chunks":0,'
    b'"stale_chars":0,"attribution":"exact","reaction_ms":0,"still_streaming_at_close":false,'
    b'"false_interruption":false,"recovery_ms":1,"stop_ms":null,"unheard_chars":1,"unheard_ratio":0.5,'
    b'"match":"exact","connection":"","seq":1}],"interruptions":[],"unanswered":false,"lang":"en-US",'
    b'"budget":{"proxy_in":60000,"backend":1,"proxy_out":60000},"lang":"en","budget":{"input_delay":0,'
    b'"proxy_in":60000,"backend":1,"proxy_out":60000,"output_delay":1},"longest_wait_ms":1,"first_kind":"text",'
    b'"time_to_first_token_ms":1,"first_reaction_ms":1,"time_to_first_sentence_ms":1,"aggregation_delay_ms":1,'
    b'"time_to_last_token_ms":1,"stream_duration_ms":1,"reply_complete_ms":1,"chunks":1,"chunk_gaps":{"p50_ms":30,'
    b'"p95_ms":30,"max_ms":30},"chunk_rate":33.333,"char_rate":17.777,"heard_basis":"all","tier":"B",'
    b'"findings":[{"code":"slow_turn","at":17,"detail":"2. s until the first word","turn":1,"connection":"",'
    b'"seq":1}],"caller_begun_at":17,"caller_done_at":17,"caller_estimated":true,"played":[{"start":17,"end":17,'
    b'"estimated":true}],"marks":[{"at":17,"kind":"prompt","text":"","spoken":[{"start":17,"end":17,'
    b'"estimated":true}]}]}"tier":"B","caller_begun_at":17,"caller_done_at":17,"played":[{"start":17,"end":17}],'
    b'"marks":[{"at":17,"kind":"prompt","text":"","spoken":[{"start":17,"end":17}]}]}'
)
_packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
_unpacker = zlib.decompressobj(_WINDOW, DICTIONARY)


def pack(detail: str) -> bytes:
    """A detail as few bytes."""
    packer = _packer.copy()  # with its dictionary learnt, which takes longer than all else
    return _FIRST + packer.compress(detail.encode()) + packer.flush()


def detail_of(detail: str, packed: bytes | None) -> str:
    """The detail of a row, which is packed but where an earlier version wrote it. Empty where it cannot be unpacked, as
    it is damaged or was packed by a later version."""
    if packed is None:
        return detail
    if packed[:1] != _FIRST:
        return ""
    try:
        return _unpacker.copy().decompress(packed[1:]).decode()
    except (zlib.error, UnicodeDecodeError):
        return ""
