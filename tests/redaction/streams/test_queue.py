"""Messages leave in order, when all before them do, and those that share a secret together."""

from relayproxy.redaction.streams.queue import Queue, QueuedMessage
from tests.redaction.conversation import message, prompt


def queued(seq: int, *, stored: bool = False) -> QueuedMessage:
    return QueuedMessage(message(seq, seq, *prompt("x")), "voicePrompt", stored=stored)


def left(queue: Queue) -> list[int]:
    found = [one.message.seq for one in queue.decided()]
    queue.take(len(found))
    return found


def test_one_that_waits_holds_those_behind_it() -> None:
    queue, messages = Queue(), [queued(seq) for seq in range(4)]
    messages[1].waits = 1
    for one in messages:
        queue.add(one)
    assert left(queue) == [0]
    assert (len(queue.messages), queue.first) == (3, messages[1].message)
    messages[1].waits = 0
    assert left(queue) == [1, 2, 3]
    assert (queue.size, queue.first) == (0, None)


def test_those_that_share_a_secret_leave_together() -> None:
    queue, messages = Queue(), [queued(seq) for seq in range(5)]
    messages[1].goes_with = 3
    messages[3].waits = 1
    for one in messages:
        queue.add(one)
    assert left(queue) == [0]
    messages[3].waits = 0
    assert left(queue) == [1, 2, 3, 4]


def test_what_is_stored_already_is_not_the_first_that_is_held() -> None:
    queue = Queue()
    held = queued(1)
    held.waits = 1
    for one in (queued(0, stored=True), held):
        queue.add(one)
    assert queue.first == held.message
    assert [one.message.seq for one in queue.clear()] == [0, 1]
