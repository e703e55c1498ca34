"""Memory of one connection: what was found so far that matters for what comes.

Knows: secrets that were found, what either side asked for, what the agent said and how it was masked.
Must not know: messages, streams. Nothing of this is ever written.

Times are nanoseconds on the connection's clock.
"""

from collections import deque
from collections.abc import Collection
from itertools import islice

from relayproxy.redaction.detection.emails import mailbox
from relayproxy.redaction.detection.number_words import LANGUAGES, number
from relayproxy.redaction.detection.tokens import Token, tokenize
from relayproxy.redaction.detection.vocabulary import PRESSING
from relayproxy.redaction.masking.masking import SecretSeen
from relayproxy.redaction.values import Context, Detection, Harmless, Kind

SECOND = 1_000_000_000
AFTER_CARD = 120 * SECOND
"""Time after a card number within which its expiry and security code are expected."""
ASKED = 60 * SECOND
"""Time within which something that was asked for is expected."""
MAX_KNOWN = 64
SHORTEST_NAME = 3
"""Characters of a name that is masked wherever it is repeated; shorter ones are often other words."""
MAX_SAID = 16 * 1024
MAX_SENT = 20
MAX_MENU = 1000
"""Characters of what the agent said last in which a menu is looked for."""
_LAST_SAID = 500
KEYS = frozenset("0123456789*#ABCD")
_WORDS = frozenset({"email", "field", "pattern", "name"})
"""Kinds that are no digits, or whose digits nobody says again."""
_NOTHING = Context()


class Memory:
    """What is known of a connection."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self._identities: set[SecretSeen] = set()
        self._names: dict[str, None] = {}
        self._card_at: int | None = None
        self._asked: frozenset[Kind] = frozenset()
        self._harmless: Harmless | None = None
        self._mail = False
        self._mailboxes: dict[str, None] = {}
        self._asked_at = 0
        self._said = self._said_masked = ""
        self._lengths: deque[int] = deque()
        """Of the texts that they are joined of."""
        self._masked: list[int] = []
        """The places of what was said that were masked."""
        self._sent: list[str] = []
        self.forgot = False
        """Secrets were found before a restart, and what they were is not known any more."""

    @property
    def any(self) -> bool:
        """Whether anything was masked that may be echoed."""
        return bool(self._identities or self._sent or self.forgot)

    def context(self, t: int) -> Context:
        """The context of a text that comes at `t`."""
        some = self._asked or self._known or self._mailboxes or self._mail or self._harmless or self.forgot
        if not some and not self._names and self._card_at is None:
            return _NOTHING
        card = self._card_at is not None and t - self._card_at <= AFTER_CARD
        current = t - self._asked_at <= ASKED
        asked, harmless = (self._asked, self._harmless) if current else (frozenset[Kind](), None)
        return Context(
            card=card, asked=asked, harmless=harmless, known=tuple(self._known), forgot=self.forgot,
            mail=self._mail and current, mailboxes=tuple(self._mailboxes), names=tuple(self._names),
        )  # fmt: skip

    def asks(self, found: Detection, t: int) -> None:
        """Takes what is asked for by now, secret or not."""
        now = found.asked, found.harmless, found.mail
        if now != (self._asked, self._harmless, self._mail):
            (self._asked, self._harmless, self._mail), self._asked_at = now, t

    def found(self, secret: SecretSeen, t: int) -> bool:
        """Takes a secret that was masked; False when it was found before."""
        if secret.kind == "card_number":
            self._card_at = t
        if secret in self._identities:
            return False
        if secret.identity.isdigit():
            if any(secret.identity in known for known in self._known):
                return False
            # A number that was found before and goes on is known as a whole from here on.
            begun = [known for known in self._known if known in secret.identity]
            for known in begun:
                del self._known[known]
            if len(self._known) == MAX_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[secret.identity] = None
            self._identities.add(secret)
            return not begun
        if secret.kind == "email":
            box = mailbox(secret.identity)
            if box is not None and len(self._mailboxes) < MAX_KNOWN:
                self._mailboxes[box] = None
        self._identities.add(secret)
        if secret.kind == "name" and len(secret.identity) >= SHORTEST_NAME and len(self._names) < MAX_KNOWN:
            self._names[secret.identity] = None
        return True

    def lost(self, kinds: Collection[str], t: int | None) -> None:
        """Takes that secrets of these kinds were found before a restart, or on an earlier connection."""
        self.forgot = self.forgot or not _WORDS.issuperset(kinds)
        if "card_number" in kinds and t is not None:
            self._card_at = t

    def said(self, text: str, masked: str) -> None:
        """Adds what the agent said, and how it was masked."""
        if text != masked:
            start = len(self._said)
            pairs = zip(text, masked, strict=True)
            self._masked += [start + n for n, (one, other) in enumerate(pairs) if one != other]
        self._said += text
        self._said_masked += masked
        self._lengths.append(len(text))
        gone = 0
        while len(self._said) - gone > MAX_SAID:
            gone += self._lengths.popleft()
        if gone:
            self._said, self._said_masked = self._said[gone:], self._said_masked[gone:]
            self._masked = [place - gone for place in self._masked if place >= gone]

    def sent(self, keys: str) -> None:
        """Adds keys that the agent sent and that were masked."""
        self._sent = [*self._sent[1 - MAX_SENT :], keys]

    def pressed(self, keys: str, t: int) -> None:
        """Takes the keys of a run that the caller presses and that are masked."""
        digits = "".join(filter(str.isdigit, keys))
        if len(digits) > 2:
            self.found(SecretSeen("keys", digits), t)

    def offers_choice(self) -> bool:
        """Whether what the agent said last is a menu: "to change your PIN, press 3"."""
        last = min(sum(islice(reversed(self._lengths), _LAST_SAID)), MAX_MENU)
        tokens = tokenize(self._said[len(self._said) - last :])
        return any(
            token.word in PRESSING and any(_is_key(after) for after in tokens[at + 1 : at + 5])
            for at, token in enumerate(tokens)
        )

    def echoes_keys(self, text: str) -> bool:
        """Whether a text that was played is one of keys that were sent and masked."""
        heard = text.strip()
        if not heard or not KEYS.issuperset(heard.upper().replace("W", "")):
            return False
        return any(heard == one or (len(heard) > 2 and heard in one) for one in self._sent)

    def echo(self, text: str) -> list[tuple[int, int]] | None:
        """The stretches to be masked of what was played of the agent's speech; None when it is not known."""
        heard = text.strip()
        if not heard:
            return []
        known = heard in self._said
        if not known or not self._masked:
            return [] if known else None
        start = len(text) - len(text.lstrip())
        for place in self._masked:
            # Where it would have this place, and none before.
            at = self._said.find(heard, max(place + 1 - len(heard), 0), place + len(heard))
            if at >= 0:
                pairs = zip(heard, self._said_masked[at : at + len(heard)], strict=True)
                return [(start + n, start + n + 1) for n, (one, other) in enumerate(pairs) if one != other]
        return []


def _is_key(token: Token) -> bool:
    if token.digits:
        return len(token.word) == 1
    return any((number(token.word, each) or 10) < 10 or number(token.word, each) == 0 for each in LANGUAGES)
