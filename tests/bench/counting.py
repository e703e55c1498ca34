"""What counting for metrics costs the recorder, per message.

Knows: the counting as the recorder does it after each commit.
Must not know: sockets, the journal, the database.
"""

from time import process_time

from relayproxy.conversation.fold.fold import Fold
from relayproxy.telemetry.metrics.call_meter import CallMeter
from relayproxy.telemetry.metrics.tally import Tally
from tests.bench.fold import ASKED_EVERY
from tests.bench.long_call import OPENING, long_call


def seconds_a_message(turns: int = 1500, rounds: int = 3) -> tuple[float, float]:
    """Processor time of counting and, for comparison, of folding: the best of some rounds."""
    messages = [*long_call(turns)]
    best = (float("inf"), float("inf"))
    for _ in range(rounds):
        fold, meter = Fold(), CallMeter(Tally())
        fold.open(OPENING)
        counting = folding = 0.0
        settled = 0
        for start in range(0, len(messages), ASKED_EVERY):
            some = messages[start : start + ASKED_EVERY]
            begun = process_time()
            for message in some:
                fold.feed(OPENING.connection_id, message)
            conversation = fold.conversation()
            folded = process_time()
            meter.messages(OPENING.route, some)
            for turn in conversation.turns:
                if settled <= turn.number < conversation.settled_turns:
                    meter.turn(turn, OPENING.route, None)
            counting += process_time() - folded
            folding += folded - begun
            settled = conversation.settled_turns
            fold.forget(settled)
        best = min(best[0], counting / len(messages)), min(best[1], folding / len(messages))
    return best


def report() -> str:
    """What `make bench` says of counting."""
    counting, folding = seconds_a_message()
    return f"metrics: {counting * 1e6:.1f} µs of counting for each message, beside {folding * 1e6:.1f} µs of folding"
