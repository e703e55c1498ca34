"""For tests of what only one kind of database can do: overrides both kinds of the `url` fixture."""

import pytest

SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
