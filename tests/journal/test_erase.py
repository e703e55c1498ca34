"""Erasing connections in a journal that is written and read on."""

from pathlib import Path

from relayproxy.journal.erase import erase_connections
from relayproxy.journal.format import MAGIC, EntryKind, pack_block, pack_entry
from relayproxy.journal.reader import Block, JournalReader
from relayproxy.journal.segments import create_journal, segment_path


def entry(connection: int, body: bytes, kind: EntryKind = EntryKind.TWILIO_CHUNK) -> bytes:
    return pack_entry(kind, connection, 5, 7, body)


def bodies(path: Path) -> list[tuple[int, bytes]]:
    with JournalReader(path) as reader:
        found = [*reader.read(1 << 20), *reader.read(1 << 20)]
    assert all(isinstance(part, Block) for part in found)
    return [(one.connection, one.body) for part in found if isinstance(part, Block) for one in part.entries]


def test_an_erased_connection_is_gone_from_the_files_and_the_others_are_read_as_before(tmp_path: Path) -> None:
    path, _ = create_journal(tmp_path)
    first = segment_path(path, 1)
    secret = entry(1, b"secret opening", EntryKind.OPENING) + entry(2, b"kept") + entry(1, b"secret words")
    first.write_bytes(MAGIC + pack_block(secret) + pack_block(entry(2, b"kept as well")))
    segment_path(path, 2).write_bytes(MAGIC + pack_block(entry(1, b"secret end")) + pack_block(entry(3, b"on")))
    size = first.stat().st_size

    erase_connections(path, {1})
    erase_connections(path, {1, 9})

    assert b"secret" not in first.read_bytes() + segment_path(path, 2).read_bytes()
    assert first.stat().st_size == size
    assert bodies(path) == [(2, b"kept"), (2, b"kept as well"), (3, b"on")]


def test_a_block_that_is_being_written_is_left_to_its_writer(tmp_path: Path) -> None:
    path, _ = create_journal(tmp_path)
    file = segment_path(path, 1)
    half = pack_block(entry(2, b"half of it"))[:-3]
    file.write_bytes(MAGIC + pack_block(entry(1, b"secret")) + half)

    erase_connections(path, {1, 2})
    with file.open("ab") as writer:
        writer.write(b" it"[-3:])

    assert b"secret" not in file.read_bytes()
    assert bodies(path) == [(2, b"half of it")]


def test_an_erasure_that_was_killed_while_it_wrote_is_made_good(tmp_path: Path) -> None:
    path, _ = create_journal(tmp_path)
    file = segment_path(path, 1)
    block = pack_block(entry(1, b"secret words") + entry(2, b"others") + entry(1, b"secret"))
    file.write_bytes(MAGIC + block + pack_block(entry(2, b"kept")))
    erase_connections(path, {1})
    begun = file.read_bytes()[: len(MAGIC) + len(block) // 2]
    file.write_bytes(begun + block[len(block) // 2 :] + pack_block(entry(2, b"kept")))
    assert b"secret" in file.read_bytes()

    erase_connections(path, {1})

    assert b"secret" not in file.read_bytes()
    assert bodies(path) == [(2, b"others"), (2, b"kept")]


def test_what_stands_behind_damage_is_erased_too(tmp_path: Path) -> None:
    path, _ = create_journal(tmp_path)
    file, damaged = segment_path(path, 1), b"\xff" * 8 + entry(2, b"lost")
    file.write_bytes(MAGIC + damaged + pack_block(entry(1, b"secret")) + damaged + pack_block(entry(1, b"secret")))

    erase_connections(path, {1})

    assert b"secret" not in file.read_bytes()
    assert file.read_bytes().count(damaged) == 2


def test_a_journal_that_is_gone_is_erased(tmp_path: Path) -> None:
    erase_connections(tmp_path / "gone", {1})
