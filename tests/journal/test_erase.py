"""Erasing connections in a journal that is written and read on."""

from pathlib import Path

from relayproxy.journal.erase import erase_connections
from relayproxy.journal.format import MAGIC, EntryKind, pack_block, pack_entry
from relayproxy.journal.reader import Block, Damage, JournalReader
from relayproxy.journal.segments import create_journal, segment_path


def entry(connection: int, body: bytes, kind: EntryKind = EntryKind.TWILIO_CHUNK) -> bytes:
    return pack_entry(kind, connection, 5, 7, body)


def bodies(path: Path, *, damages: int = 0) -> list[tuple[int, bytes]]:
    with JournalReader(path) as reader:
        found = [*reader.read(1 << 20), *reader.read(1 << 20)]
    assert sum(isinstance(part, Damage) for part in found) == damages
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


def test_what_stands_behind_damage_is_erased_too_and_in_damage_all_is(tmp_path: Path) -> None:
    path, _ = create_journal(tmp_path)
    file, damaged = segment_path(path, 1), b"\xff" * 8 + entry(2, b"lost")
    behind = pack_block(entry(1, b"secret") + entry(2, b"kept"))
    file.write_bytes(MAGIC + damaged + pack_block(entry(1, b"secret")) + damaged + behind)
    size = file.stat().st_size

    for _ in range(2):
        erase_connections(path, {1})

        assert b"secret" not in file.read_bytes()
        assert b"lost" not in file.read_bytes()
        assert file.stat().st_size == size
    segment_path(path, 2).write_bytes(MAGIC)  # else a reader waits for what may be written
    assert bodies(path, damages=1) == [(2, b"kept")]


def test_of_damage_to_the_end_nothing_is_left_once_nothing_more_is_written_there(tmp_path: Path) -> None:
    path, _ = create_journal(tmp_path)
    file, secret, torn = segment_path(path, 1), pack_block(entry(1, b"secret")), pack_block(entry(1, b"torn off"))[:-2]
    for damaged in (torn, b"\xff" * 8 + secret + torn):
        file.write_bytes(MAGIC + pack_block(entry(2, b"kept")) + damaged)
        segment_path(path, 2).unlink(missing_ok=True)

        erase_connections(path, {1})
        assert file.read_bytes().endswith(damaged), "a block may be written there just now"

        segment_path(path, 2).write_bytes(MAGIC + pack_block(entry(2, b"and this")))
        erase_connections(path, {1})
        assert file.read_bytes().endswith(damaged[:8] + bytes(len(damaged) - 8))
        assert bodies(path, damages=1) == [(2, b"kept"), (2, b"and this")]


def test_a_journal_that_is_gone_is_erased(tmp_path: Path) -> None:
    erase_connections(tmp_path / "gone", {1})
