"""Every parser of foreign bytes, on what Hypothesis makes up and on what fuzzing has found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS

FOUND: dict[str, tuple[bytes, ...]] = {
    "settings": (b"\x88=/" + b"x" * 300,),
    "signatures": (b"wss://a.example/\xb3\nx",),
}
"""What once went wrong, by target."""


def near(seeds: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Bytes, or one of the seeds with a few bytes changed, taken out or put in."""
    places = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=4)), max_size=5)

    def change(seed: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
        for place, length, new in edits:
            at = place % (len(seed) + 1)
            seed = seed[:at] + new + seed[at + length :]
        return seed

    return st.binary(max_size=300) | st.builds(change, st.sampled_from(seeds), places)


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_break_it(name: str) -> None:
    @settings(max_examples=60)
    @given(near(SEEDS[name]))
    def holds(data: bytes) -> None:
        TARGETS[name](data)

    holds()
    for data in (b"", *SEEDS[name], *FOUND.get(name, ())):
        TARGETS[name](data)
