"""Deflate windows over a restart: they lie in the journal's folder while a call lives, and where they are lost, a gap
says so."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from relayproxy.journal.erase import erase_connections
from relayproxy.journal.format import EntryKind
from relayproxy.redaction.rules import Rules
from tests.databases import content_of
from tests.recorder.decoding.test_deflate import Compressing
from tests.recorder.stage import DEFLATE, Call, Stage, setup, token

RULES = Rules()
CARD = "4111 1111 1111 1111"
WORDS = f"Your card is {CARD}, right?"
MASKED = "Your card is •••• •••• •••• 1111, right?"


class Compressed:
    """A call whose two ends compress what they say, each in one context."""

    def __init__(self, stage: Stage) -> None:
        self.call: Call = stage.journal().call(response_headers=DEFLATE)
        self.call.twilio(setup())
        self._backend = Compressing(keeps=True)

    def says(self, words: str) -> None:
        self.call.chunk(EntryKind.BACKEND_CHUNK, self._backend.send(token(words, last=True).encode()))

    @property
    def files(self) -> list[Path]:
        return sorted(self.call.journal.path.glob("*.window"))


@pytest.fixture
def talk(stage: Stage) -> Compressed:
    return Compressed(stage)


def told(stage: Stage, call: Call) -> list[tuple[str, str | None, str | None]]:
    """Kind, note and words of what came behind the setup message."""
    found: list[tuple[str, str | None, str | None]] = []
    for one in stage.stored(call.id).messages[call.id][1:]:
        found.append((one.kind, one.note, one.text and json.loads(one.text)["token"]))
    return found


def database(stage: Stage) -> bytes:
    return content_of(stage.folder)


def test_what_refers_to_words_before_a_restart_is_recorded_and_no_row_has_them_as_they_came(
    stage: Stage, talk: Compressed
) -> None:
    for _ in range(3):
        talk.says(WORDS)
        stage.recorder(rules=RULES).finish()
        [file] = talk.files
        assert CARD.encode() in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
    talk.call.end()
    stage.recorder(rules=RULES).finish()
    assert told(stage, talk.call) == [("text", None, MASKED)] * 3
    assert talk.files == []
    assert CARD.encode() not in database(stage)


def test_a_call_of_which_nothing_new_was_compressed_is_not_written_again(stage: Stage, talk: Compressed) -> None:
    recorder = stage.recorder(rules=RULES)
    talk.says(WORDS)
    recorder.finish()
    before = talk.files
    talk.call.backend(token("plain", last=True))
    recorder.finish()
    assert talk.files == before
    talk.says(WORDS)
    recorder.finish()
    assert len(talk.files) == 1
    assert talk.files != before


def gone(file: Path) -> None:
    file.unlink()


def damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1] + b"!")


def anothers(file: Path) -> None:
    file.with_name("2-other.window").rename(file)


@pytest.mark.parametrize("spoil", [gone, damaged, anothers])
def test_windows_that_are_lost_are_a_gap_and_the_call_goes_on(
    stage: Stage, talk: Compressed, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    talk.says(WORDS)
    recorder = stage.recorder(rules=RULES)
    recorder.finish()
    recorder.close()
    [file] = talk.files
    file.with_name("2-other.window").write_bytes(file.read_bytes()[::-1])
    spoil(file)
    talk.call.backend(token("plain", last=True))
    for _ in range(3):  # that it is not told yet outlasts further restarts, and that it is told
        stage.recorder(rules=RULES).finish()
        talk.says(WORDS)
    talk.says("something new: 0123456789")
    talk.call.end()
    stage.recorder(rules=RULES).finish()
    assert told(stage, talk.call)[1:6] == [
        ("text", None, "plain"),
        ("gap", "window_lost", None),
        ("text", "inflate_failed", None),
        ("text", "inflate_failed", None),
        ("text", "inflate_failed", None),
    ]
    assert stage.stored(talk.call.id).session.gaps == 1
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert talk.call.id in caplog.text
    assert CARD not in caplog.text
    assert talk.files == []


def test_a_window_that_is_lost_and_needed_by_nobody_is_no_gap(stage: Stage, talk: Compressed) -> None:
    talk.says(WORDS)
    stage.recorder(rules=RULES).finish()
    talk.files[0].unlink()
    talk.call.backend(token("plain", last=True))
    talk.call.end()
    stage.recorder(rules=RULES).finish()
    assert stage.stored(talk.call.id).session.gaps == 0


def test_a_folder_that_cannot_be_written_is_told_and_costs_no_commit(
    stage: Stage, talk: Compressed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    recorder = stage.recorder(rules=RULES)
    with monkeypatch.context() as patch:
        patch.setattr("relayproxy.recorder.decoding.window_files.write_windows", refuse)
        for _ in range(3):
            talk.says(WORDS)
            recorder.finish()
    assert len(told(stage, talk.call)) == 3
    assert ["No space left on device" in one.getMessage() for one in caplog.records] == [True]
    assert talk.files == []
    trouble = recorder.heartbeat().windows_trouble
    assert trouble is not None
    assert trouble[1] == "No space left on device"
    talk.call.backend(token("plain", last=True))
    recorder.finish()
    assert len(talk.files) == 1  # the same windows, once there is room
    assert recorder.heartbeat().windows_trouble is None


def test_of_a_call_that_has_ended_no_windows_are_missing(
    stage: Stage, talk: Compressed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("relayproxy.recorder.decoding.window_files.write_windows", refuse)
    recorder = stage.recorder(rules=RULES)
    talk.says(WORDS)
    recorder.finish()
    assert recorder.heartbeat().windows_trouble is not None
    talk.call.end()
    recorder.finish()
    assert recorder.heartbeat().windows_trouble is None


def test_windows_of_calls_that_were_not_committed_and_of_erased_ones_go(stage: Stage, talk: Compressed) -> None:
    talk.says(WORDS)
    stage.recorder(rules=RULES).finish()
    [file] = talk.files
    file.with_name("1-never.window").write_bytes(b"as killed before its commit")
    stage.recorder(rules=RULES).play()
    assert talk.files == [file]
    erase_connections(talk.call.journal.path, {2})
    assert talk.files == [file]
    erase_connections(talk.call.journal.path, {1})
    assert talk.files == []
