"""A migrated database of each kind, with its readers and writers."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from relayproxy.store.engine import open_engine
from relayproxy.store.write.annotation_writer import AnnotationWriter
from tests.store.conftest import archive, engine, queries, reader, url

__all__ = ["archive", "engine", "queries", "reader", "url"]


@pytest.fixture
def writer(engine: Engine, url: str) -> Iterator[AnnotationWriter]:
    writer = AnnotationWriter(open_engine(url, create=False))
    yield writer
    writer.close()
