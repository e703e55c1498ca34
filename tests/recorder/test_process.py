"""The recorder as a process: ready, alone on its folder, gone in order, and killed without loss."""

import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from relayproxy.connection import Ending, Opening
from relayproxy.errors import RelayproxyError
from relayproxy.journal.format import EntryKind, pack_entry
from relayproxy.journal.writer import JournalWriter
from relayproxy.recorder.decoding.connection import SIDES
from relayproxy.recorder.process import alone, run
from relayproxy.settings.model import Settings
from relayproxy.store.schema.migrate import migrate
from tests.patience import PATIENCE
from tests.recorder.stage import MS, NOON, TEXT, Stage, prompt, setup, token
from tests.running import running
from tests.wire import frame


def wait_for(stage: Stage, session: str, messages: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len([*stage.archive.messages(session)]) < messages:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_call_while_it_lives_and_what_is_left_at_the_end(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    with running("recorder", data_dir=stage.folder) as recorder:
        assert recorder.ready == f"recorder following {stage.journals}"
        call.twilio(setup())
        wait_for(stage, call.id, 1)
        call.quiet = True
        for at in range(5000):
            call.backend(token(str(at)))
        journal.flush()
        assert recorder.stop(signal.SIGTERM) == 0
    assert len([*stage.archive.messages(call.id)]) == 5001
    assert recorder.log.read_text() == ""


def test_a_second_recorder_refuses_to_start(stage: Stage) -> None:
    with (
        running("recorder", data_dir=stage.folder),
        pytest.raises(RelayproxyError, match="another recorder works on this folder"),
    ):
        run(Settings(data_dir=stage.folder))


def test_a_second_recorder_of_the_same_journal_refuses_to_start(stage: Stage, tmp_path: Path) -> None:
    with (
        running("recorder", data_dir=stage.folder, journal_dir=str(tmp_path / "journal")),
        pytest.raises(RelayproxyError, match=f"journal_dir={tmp_path}/journal: another recorder plays this journal"),
    ):
        run(Settings(data_dir=tmp_path / "other", journal_dir=tmp_path / "journal"))


def test_who_may_wait_waits_for_the_recorder_of_before_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as before:
        name = before.enter_context(alone(tmp_path, tmp_path / "journal"))
        ending = threading.Timer(0.2, before.pop_all().close)
        ending.start()
        with alone(tmp_path, tmp_path / "journal", threading.Event()) as found:
            assert found == name
        ending.join()
    assert capsys.readouterr().out == (
        f"recorder waiting for the end of another one (data_dir={tmp_path}: another recorder works on this folder)\n"
    )


def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "recorder.lock").mkdir()
    with pytest.raises(RelayproxyError, match="a folder to write in is expected"):
        run(Settings(data_dir=tmp_path))


def test_killed_again_and_again_while_a_journal_is_written(stage: Stage) -> None:
    writer = JournalWriter(stage.journals, quota=1 << 30, segment_size=64 * 1024)
    assert writer.path is not None
    book = Book()
    sent: dict[int, dict[EntryKind, list[str]]] = {}
    for number in range(1, 11):
        sent[number] = {side: [] for side in SIDES}
        writer.put(bytearray(book.opening(number)))
    round_ = 0
    for kill in range(10):
        with running("recorder", data_dir=stage.folder) as recorder:
            until, enough = time.monotonic() + 0.05 * (1 + kill % 4), round_ + 6
            while time.monotonic() < until or round_ < enough:
                block = bytearray()
                for number, said in sent.items():
                    words = f"{number} in round {round_}"
                    texts = setup(f"VX{number}", f"CA{number}") if round_ == 0 else prompt(words), token(words * 9)
                    for side, text in zip(SIDES, texts, strict=True):
                        block += book.say(number, side, text, hold_back=(round_ + number) % 40)
                        said[side].append(text)
                writer.put(block)
                round_ += 1
                time.sleep(0.002)
            assert recorder.stop(signal.SIGKILL) == -signal.SIGKILL
    for number in sent:
        writer.put(bytearray(book.ending(number)))
    writer.close()
    with running("recorder", data_dir=stage.folder) as recorder:
        deadline = time.monotonic() + PATIENCE
        while writer.path.exists() or stage.archive.journals():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert recorder.stop() == 0
    assert round_ > 50
    for number, said in sent.items():
        stored = stage.stored(f"{number:032x}")
        [messages] = stored.messages.values()
        assert [message.seq for message in messages] == list(range(2 * round_))
        for side, name in SIDES.items():
            assert [message.text for message in messages if message.sender == name] == said[side]
        assert (stored.session.messages, stored.session.ended_at is not None) == (2 * round_, True)
        assert len(stored.turns) == stored.session.turns


@pytest.mark.parametrize("migrated", [False, True])
def test_a_database_that_is_deleted_or_replaced_is_left_to_the_next_recorder(stage: Stage, migrated: bool) -> None:
    journal = stage.journal()
    call = journal.call()
    with running("recorder", data_dir=stage.folder) as recorder:
        call.twilio(setup())
        wait_for(stage, call.id, 1)
        for part in stage.folder.glob("relayproxy.db*"):
            part.unlink()
        if migrated:
            migrate(stage.url)
        call.backend(token("into the new one"))
        assert recorder.wait() == 2
        assert "the database file has been deleted or replaced" in recorder.log.read_text()
    with running("recorder", data_dir=stage.folder):
        migrate(stage.url)
        stage.reopen()
        wait_for(stage, call.id, 2)
    assert stage.stored(call.id).session.session_id == "VX1"


class Book:
    """Packed entries of several calls, for the real writer. Chunks end in the middle of frames."""

    def __init__(self) -> None:
        self.now = 0
        self._left: dict[tuple[int, EntryKind], bytes] = {}

    def opening(self, number: int) -> bytes:
        opening = Opening(
            connection_id=f"{number:032x}",
            trace_id=f"{number:032x}",
            span_id=f"{number:016x}",
            route="default",
            backend="ws://agent/",
            target="/",
            opened_at=NOON,
            peer="127.0.0.1:1",
            status=101,
        )
        return pack_entry(EntryKind.OPENING, number, 0, 0, msgspec.json.encode(opening))

    def say(self, number: int, side: EntryKind, text: str, *, hold_back: int = 0) -> bytes:
        """A message whose last bytes come with the next one on its side."""
        self.now += MS
        data = self._left.pop((number, side), b"") + frame(TEXT, text.encode(), mask=side is EntryKind.TWILIO_CHUNK)
        if hold_back:
            self._left[number, side], data = data[-hold_back:], data[:-hold_back]
        return pack_entry(side, number, self.now, 1000, data)

    def ending(self, number: int) -> bytes:
        self.now += MS
        rest = [pack_entry(side, number, self.now, 1000, self._left.pop((number, side), b"")) for side in SIDES]
        ending = Ending(t=self.now, first="twilio", twilio="eof", backend="eof")
        return b"".join(rest) + pack_entry(EntryKind.ENDING, number, self.now, 0, msgspec.json.encode(ending))
