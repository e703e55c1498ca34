"""What all tests have in common.

Knows: that thousands of tests in one process leave objects behind that Python would go through again and again.
Must not know: what is tested.
"""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _forget_what_other_modules_left() -> Iterator[None]:
    yield
    # Collected first, so that what nobody closed is still noticed.
    gc.collect()
    gc.freeze()
