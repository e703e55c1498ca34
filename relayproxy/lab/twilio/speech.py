"""Speech model: how text becomes chunks and durations, and how a transcript grows.

Knows: where speech synthesis cuts a stream of tokens, how long words take, what partial transcripts look like.
Must not know: messages, sockets, clocks.

Rates are those of recorded calls: about 19 characters a second, a breath after each chunk.
"""

import random
import re
from collections.abc import Iterator

MS_PER_CHARACTER = 46
MS_BREATH = 240
"""After each chunk."""
MS_PER_DIGIT = 150
MS_PER_DIGIT_PAUSE = 500
"""Each `w` of `sendDigits`."""

# None of them goes back over what it has read, as texts may have millions of characters.
_START = re.compile(r"\s*+\S")
_MARKS = re.compile(r"[^.?!:;]*+[.?!:;]++[\"')\]]*+")
_WORD = re.compile(r"\s*+\S++")


def clause(text: str, *, complete: bool) -> tuple[str, str]:
    """The next chunk to speak and what is left after it; the chunk is empty while it is not whole yet.

    A chunk ends with punctuation that white space follows; with `complete`, at the latest where the text ends.
    """
    found = _START.match(text)
    while found and (found := _MARKS.match(text, found.end())):
        end = found.end()
        if text[end : end + 1].isspace():
            return text[:end], text[end:]
    if complete and text.strip():
        return text, ""
    # Punctuation at the very end closes a chunk too: the next token nearly always begins with a space.
    if text.strip() and re.search(r"[.?!:;][\"')\]]*$", text):
        return text, ""
    return "", text


def words(chunk: str) -> Iterator[tuple[str, int]]:
    """The words of a chunk, with the white space before them, and how many ms each takes; they join to the chunk."""
    end = len(chunk.rstrip())
    for found in _WORD.finditer(chunk, 0, end):
        word = found[0] if found.end() < end else chunk[found.start() :]
        yield word, MS_PER_CHARACTER * len(word)


def digits_ms(digits: str) -> int:
    """The duration of `sendDigits` in milliseconds."""
    return sum(MS_PER_DIGIT_PAUSE if digit in "wW" else MS_PER_DIGIT for digit in digits)


def partials(text: str, rng: random.Random) -> list[str]:
    """Cumulative partial transcripts of an utterance, one for every word or two.

    Some end in a word that is only half understood and is revised by the next one; the last one is `text`.
    """
    spoken = text.split()
    grown: list[str] = []
    count = 0
    while count < len(spoken):
        count += rng.choice((1, 1, 2))
        heard = spoken[:count]
        if count < len(spoken) and len(heard[-1]) > 4 and rng.random() < 0.3:
            heard = [*heard[:-1], heard[-1][: len(heard[-1]) // 2]]
        grown.append(" ".join(heard).rstrip(".,?!") if count < len(spoken) else text)
    return grown
