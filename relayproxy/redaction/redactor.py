"""Redactor of one connection: messages in, the same messages out, in order, without what must not be stored.

Knows: which part of each message belongs to which stream; in which order messages leave; how a message is rewritten.
Must not know: how a secret is found, when a stream decides; frames, the journal, the database.

A message leaves once all that it carries is decided and everything before it has left. Whatever comes, every message
leaves once, and no later than with `end`.
"""

import re
from collections.abc import Collection, Iterable, Sequence

import msgspec

from relayproxy.connection import Side
from relayproxy.conversation.message import Message
from relayproxy.conversation.protocol.decoding import decode
from relayproxy.conversation.protocol.messages import Dtmf, Event, Info, Interrupt, Play, Prompt, SendDigits, Text
from relayproxy.redaction.budget import BINARY, SearchBudget, effort
from relayproxy.redaction.masking.json_text import Edit, Literal, applied, is_json, literals, looks_like_json, whole
from relayproxy.redaction.masking.masking import (
    MAX_NESTED,
    Masked,
    SecretSeen,
    effort_as_json,
    mask_members,
    masks,
    search_effort,
    with_fields,
)
from relayproxy.redaction.masking.metadata import EVENTS, metadata
from relayproxy.redaction.masking.usual import ECHOED, PLAIN, SAID, is_usual
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.streams.agent_stream import AgentStream
from relayproxy.redaction.streams.keys import KEY_PATIENCE, KEY_SILENCE, KeyStream
from relayproxy.redaction.streams.memory import Memory
from relayproxy.redaction.streams.queue import Queue, QueuedMessage
from relayproxy.redaction.streams.streams import ECHO, FAIL_CLOSED, LONG, CallerStream
from relayproxy.redaction.values import BESIDE
from relayproxy.text import MASKED_DIGIT

MAX_WAITING = 400
"""Messages that may wait."""
MAX_SIZE = 1024 * 1024
"""Bytes of payload that may wait."""
FAILED = "redaction_failed"
"""The note of a message of which metadata alone is kept, because redaction failed."""
LIMITED = "search_limit"
"""The note of a message of which metadata alone is kept, because its connection sent more than is searched."""

_DIGIT = re.compile(r"\d")
_DIGITS = re.compile(r"[0-9](?:[ .-]?[0-9]){2,}")
_ADDRESS = re.compile(
    r"\+?[0-9]{3,15}|client:[\w.+-]{1,64}|(?!.*[0-9]{13})sips?:[\w.+-]{1,64}@[\w.-]{1,253}(?::[0-9]{1,5})?",
    re.ASCII | re.IGNORECASE,
)
"""A party's number or address: calls are found and erased by it. One of SIP's is no address to write to."""
_ID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}|(?=.*[A-Za-z])(?!.*[0-9]{13})[\w.:-]{1,128}", re.ASCII)
"""An id, of Twilio's or somebody else's, that is nobody's number."""
_SETUP = frozenset(
    {"from", "to", "forwardedFrom", "sessionId", "callSid", "parentCallSid", "accountSid", "direction", "callType"}
)
_FIELDS: dict[type, str] = {Prompt: "voicePrompt", Text: "token", Dtmf: "digit", SendDigits: "digits"}
_KEYS = frozenset({"dtmf", "sendDigits"})
_ECHOES: dict[type, str] = {Info: "value", Interrupt: "utteranceUntilInterrupt"}
_SHORT = 9
"""Characters of values that are no words and of numbers that are nobody's: durations, "on"."""


class Redactor:
    """Redactor of one connection by these rules. Times are those of its messages, nanoseconds on its clock."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._wants_more = bool(rules.policy.fields) or rules.policy.waits
        """More is looked for than the built-in kinds of secrets."""
        self._budget = SearchBudget()
        self._start()
        self._telling = False

    def _start(self) -> None:
        self._memory = Memory()
        self._pressed = KeyStream(self._rules.keys)
        self._sent = KeyStream(self._rules.keys)
        self._queue = Queue()
        self._listen()

    def _listen(self, *, names: bool = True) -> None:
        policy = self._rules.policy if names else self._rules.policy.without_names()
        self._caller = CallerStream(self._memory, policy, self._budget)
        self._agent = AgentStream(self._memory, policy, self._budget)
        self._streams = self._caller, self._agent, self._pressed, self._sent

    @property
    def oldest(self) -> int | None:
        """The number (`Message.seq`) of the oldest message that is held; None when none is."""
        first = self._queue.first
        return None if first is None else first.seq

    @property
    def held(self) -> frozenset[Side]:
        """The ends of whose words some are held."""
        return self._queue.speakers

    @property
    def deadline(self) -> int | None:
        """The time at which `due` may let something go."""
        return min([one.deadline for one in self._streams if one.deadline is not None], default=None)

    def feed(self, message: Message, *, more: bool = False) -> list[Message]:
        """Takes the next message; returns those that leave. `more`: others follow at once, with which it is searched
        where that saves time."""
        if self._rules.record == "metadata":
            return [metadata(message)]
        if not self._searchable(message):
            self._agent.look()
            return self._leave() + self._limited(message)
        queue = self._queue
        waiting = len(queue.messages)
        if waiting:
            self._pass_time(message.t)
        self._take(message, more=more and waiting < MAX_WAITING // 2 and queue.size < MAX_SIZE // 2)
        if waiting >= MAX_WAITING or queue.size > MAX_SIZE:
            self._close(message.t, FAIL_CLOSED)
        return self._leave()

    def due(self, t: int) -> list[Message]:
        """Takes that it is `t` and nothing came; returns those that leave."""
        self._pass_time(t)
        return self._leave()

    def end(self, t: int) -> list[Message]:
        """Takes that nothing follows that could be joined: returns all that is held."""
        self._close(t, LONG)
        return self._leave()

    def recall(self, stored: Iterable[Message]) -> None:
        """Takes the messages that left before a restart, as they were stored."""
        if self._rules.record == "metadata":
            return
        self._telling = True
        self._listen(names=False)  # they are masked already
        for message in stored:
            if message.redacted:
                self._memory.lost(message.redacted, message.t)
            if message.note != LIMITED and self._searchable(message):
                self._take(message)
                self._leave()
            else:
                self._limited(message)
        self._telling = False
        self._queue.clear()
        self._listen()
        self._pressed.forget()
        self._sent.forget()

    def follows(self, kinds: Collection[str]) -> None:
        """Takes that secrets of these kinds were found on earlier connections of the session."""
        self._memory.lost(kinds, None)

    def fail(self, message: Message | None = None) -> list[Message]:
        """Takes that redaction failed, at this message: metadata alone is kept of all that is held."""
        held = self._clear(message)
        self._start()
        self._memory.forgot = True
        return [_metadata(one, FAILED) for one in held]

    def _clear(self, message: Message | None) -> list[Message]:
        held = [one.message for one in self._queue.clear() if not one.stored]
        if message is not None and (not held or held[-1].seq < message.seq):
            held.append(message)
        return held

    def _searchable(self, message: Message) -> bool:
        """Whether the budget covers what it takes to search the message."""
        if message.text is None and message.data is None and message.reason is None:
            return True
        names = self._rules.policy.names is not None
        size = len(message.text or "") + BINARY * len(message.data or b"") + len(message.reason or "")
        if not names and self._budget.is_ample(size, message.t):
            return True  # as nearly always: then it need not be counted
        texts = (text for text in (message.text, message.reason) if text is not None)
        needed = sum(search_effort(text, names=names) for text in texts)
        if message.data is not None:
            needed += BINARY * effort(message.data.decode("latin-1"), names=names)
        return self._budget.covers(needed, message.t)

    def _limited(self, message: Message) -> list[Message]:
        """Metadata alone of a message that is not searched, and of those held, whose secrets it may go on with."""
        held = self._clear(message)
        self._listen()
        self._pressed.forget()
        self._sent.forget()
        self._memory.forgot = True
        return [_metadata(one, LIMITED) for one in held]

    def _take(self, message: Message, *, more: bool = False) -> None:
        event: Event | None = decode(message).event if message.kind == "text" and message.text is not None else None
        shape = type(event)
        said = _FIELDS.get(shape)
        queued = QueuedMessage(message, said or _ECHOES.get(shape), stored=self._telling, said=said is not None)
        self._queue.add(queued)
        t = message.t
        pressed = self._pressed.goes_on(t)
        if shape is not Text or pressed:
            self._agent.look()
        match event:
            case Text(text, last, lang):
                queued.words = text
                self._agent.token(queued, text, t, last=last is True, language=lang, more=more and not pressed)
                if pressed and text.strip():
                    self._pressed.spoken(asks=self._asks_for_keys(t))
            case Prompt(text, lang):
                queued.words = text
                if event.final:
                    self._agent.end(t)
                    self._caller.final(queued, text, t, language=lang)
                else:
                    self._caller.partial(queued, text, t, language=lang)
            case Play():
                self._pressed.spoken(asks=False)
            case Dtmf(digit):
                queued.words = digit
                self._pressed.keys(queued, digit, t, patience=KEY_PATIENCE if self._asks_for_keys(t) else KEY_SILENCE)
                self._memory.pressed(self._pressed.masked, t)
            case SendDigits(digits):
                queued.words = digits
                for keys in self._sent.keys(queued, digits, t):
                    self._memory.sent(keys)
            case Info(_, str(heard)) | Interrupt(str(heard)):
                queued.words = heard

    def _asks_for_keys(self, t: int) -> bool:
        return bool(self._memory.context(t).asked) and not self._memory.offers_choice()

    def _pass_time(self, t: int) -> None:
        if self._caller.deadline is not None and t >= self._caller.deadline:
            self._agent.look()  # at what came before
        for stream in self._streams:
            if stream.deadline is not None and t >= stream.deadline:
                stream.due(t)
        self._pressed.due(t)

    def _close(self, t: int, digits: int) -> None:
        self._caller.close(t, digits)
        self._agent.close(t)
        self._pressed.close()
        self._sent.close()

    def _leave(self) -> list[Message]:
        if self._queue.waits:
            return []
        decided = self._queue.decided()
        written = [self._written(one) for one in decided if not one.stored]
        self._queue.take(len(decided))  # not before: of what cannot be written metadata is kept
        return written

    def _written(self, queued: QueuedMessage) -> Message:
        """The message as it is stored."""
        message, text = queued.message, queued.message.text
        if text is None:
            return self._other(queued)
        if queued.field is not None:
            odd = queued.spans or queued.counts or self._wants_more
            if not odd and is_usual(text, queued.words) and not self._may_echo(queued):
                return message
        masked = applied(text, self._edits(queued, text))
        if message.cut or not looks_like_json(masked) or not is_json(masked):
            # Its strings have been searched by themselves, where it begins as JSON.
            depth = MAX_NESTED if looks_like_json(masked) else 0
            read = literals(masked) if depth else []
            text_whole = whole(masked, is_open=bool(read) and read[-1].is_open)
            masked = applied(masked, self._own(queued, [(text_whole, None)], "", depth=depth))
        if masked == text and not queued.counts:
            return message
        return msgspec.structs.replace(message, text=masked, redacted=queued.counts, sha256=None)

    def _may_echo(self, queued: QueuedMessage) -> bool:
        """Whether what was heard may be something masked, or what nobody in the call has said: a greeting of TwiML."""
        if queued.field not in ECHOED:
            return False
        heard = queued.words
        return self._memory.any or (len(heard) >= _SHORT and self._memory.echo(heard) is None)

    def _edits(self, queued: QueuedMessage, text: str) -> list[Edit]:
        if not looks_like_json(text):
            return []
        found = literals(text)
        top = {one.name: one for one in found if one.depth == 1 and not one.is_name}
        named = top.get("type")
        kind = named.text if named is not None else ""
        field = top.get(queued.field) if queued.field else None
        edits: list[Edit] = []
        own: list[tuple[Literal, str | None]] = []
        for one, name in with_fields(found, self._rules.policy):
            if one is field:
                edits += self._field(queued, one, top)
            elif one.depth == 1 and not one.is_name and _is_plain(one, kind):
                continue
            elif queued.spans and queued.field in SAID and not one.is_name and one.name not in PLAIN:
                # What else a message says of words that are masked.
                if not one.is_number or len(_DIGIT.findall(one.text)) > 2:
                    edits += one.edits(masks(one.text, [(0, len(one.text))]))
            elif field is None and kind in _KEYS and name in ("digit", "digits") and self._rules.keys != "keep":
                # Keys that are no string, which nobody takes for keys.
                queued.count("keys", 0)
                edits += one.edits(_keys(one.text, [(0, len(one.text))]))
            else:
                own.append((one, name))
        if not is_json(text):
            self._budget.spend(effort_as_json(text) - effort(text))  # the rest is what follows
        return edits + self._own(queued, own, kind)

    def _field(self, queued: QueuedMessage, one: Literal, top: dict[str | None, Literal]) -> list[Edit]:
        if queued.field == "value":
            name = top.get("name")
            if name is not None and name.text in EVENTS and len(one.text) < _SHORT:
                return []
        if queued.field in ECHOED:
            if self._memory.echoes_keys(one.text):
                queued.count("keys", 0)
                return one.edits(_keys(one.text, [(0, len(one.text))]))
            echo = self._memory.echo(one.text)
            if echo:
                queued.count(ECHO, 0)
                return one.edits(masks(one.text, echo))
            return self._own(queued, [(one, None)], "info") if echo is None else []
        if queued.field in ("digit", "digits"):
            return one.edits(_keys(one.text, queued.spans or ()))
        return one.edits(masks(one.text, queued.spans or ()))

    def _own(
        self, queued: QueuedMessage, members: Sequence[tuple[Literal, str | None]], kind: str, *, depth: int = 0
    ) -> list[Edit]:
        """Masks what stands for itself. `members`: with the names of the fields that they are of. `depth`: in how much
        JSON they have been found."""
        message = queued.message
        terms = PLAIN if queued.field is not None else frozenset[str | None]()
        context = self._memory.context(message.t)
        masked = mask_members(members, self._rules.policy, context, cut=message.cut, depth=depth, terms=terms)
        self._budget.spend(sum(effort(one.text) for one, _ in members) + masked.besides)
        beside = all(secret.kind in BESIDE for secret in masked.secrets)
        if kind in ("info", "interrupt", "error", "end") and self._memory.forgot and beside:
            masked = _closed(members, masked)
        for secret in masked.secrets:
            queued.count(secret.kind, int(self._memory.found(secret, message.t)))
        return masked.edits

    def _other(self, queued: QueuedMessage) -> Message:
        """A message that has no text: binary data, a close frame, what was no WebSocket traffic."""
        message = queued.message
        if message.data is None and message.reason is None:
            return message
        if message.kind == "undecodable" or message.note == "inflate_failed":
            # What cannot be read cannot be searched, and somebody else may be able to read it.
            return msgspec.structs.replace(message, data=None, sha256=None)
        data, reason = message.data, message.reason
        if data is not None:
            # Each byte as one character, so that whatever is readable in it is found.
            readable = data.decode("latin-1")
            self._budget.spend((BINARY - 1) * effort(readable))  # the rest is what follows
            edits = self._own(queued, [(whole(readable), None)], "")
            stars = [Edit(one.start, one.end, "*" * (one.end - one.start)) for one in edits]
            data = applied(readable, stars).encode("latin-1")
        if reason is not None:
            reason = applied(reason, self._own(queued, [(whole(reason), None)], "error"))
        if not queued.counts:
            return message
        return msgspec.structs.replace(message, data=data, reason=reason, redacted=queued.counts, sha256=None)


def _is_plain(one: Literal, kind: str) -> bool:
    if one.name in ("last", "interruptible", "preemptible", "loop", "durationUntilInterruptMs"):
        return len(one.text) < _SHORT
    form = _ADDRESS if one.name in _FROM else _ID
    return kind == "setup" and one.name in _SETUP and bool(form.fullmatch(one.text))


_FROM = frozenset({"from", "to", "forwardedFrom"})


def _keys(text: str, spans: Iterable[tuple[int, int]]) -> list[Edit]:
    return [
        Edit(start, end, "".join([one if one in "wW" else MASKED_DIGIT for one in text[start:end]]))
        for start, end in spans
        if end > start
    ]


def _closed(members: Iterable[tuple[Literal, str | None]], masked: Masked) -> Masked:
    """What was masked, and besides all digits of which there are some in a row."""
    edits, secrets = [*masked.edits], [*masked.secrets]
    for one, _ in members:
        spans = [found.span() for found in _DIGITS.finditer(one.text)]
        more = one.edits(masks(one.text, spans))
        edits += [edit for edit in more if not any(edit.start < it.end and it.start < edit.end for it in masked.edits)]
        secrets += [SecretSeen("number", one.text[start:end]) for start, end in spans]
    return Masked(edits, secrets)


def _metadata(message: Message, note: str) -> Message:
    try:
        return metadata(message, note)
    except Exception:
        return msgspec.structs.replace(message, text=None, data=None, reason=None, sha256=None, note=note)
