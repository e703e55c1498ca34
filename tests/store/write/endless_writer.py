"""A process that commits batch after batch, and says of each that it is written. Run as `python -m
tests.store.write.endless_writer URL`.

Knows: that every batch is two messages and the position behind them.
Must not know: when it is killed.
"""

import sys
from itertools import count

from relayproxy.store.engine import open_engine
from relayproxy.store.schema.rows import Batch, JournalRow
from relayproxy.store.write.archive import Archive
from tests.store.build import chunk, said, session

if __name__ == "__main__":
    archive = Archive(open_engine(sys.argv[1]))
    done = archive.journals()
    for n in count(done[0].offset + 1 if done else 1):
        chunks = (chunk("a", said((n - 1) * 2, 2)),)
        archive.commit(Batch((JournalRow("j1", 1, n),), sessions=(session("a", messages=n * 2),), chunks=chunks))
        print(n, flush=True)
