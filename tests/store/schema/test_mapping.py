"""Rows and keys as statements take them."""

from relayproxy.store.schema.mapping import INDEXED, KEYS, batches, for_index


def test_keys_are_taken_in_order_and_none_twice() -> None:
    keys = [str(one) for one in range(2 * KEYS + 1)]

    assert list(batches(keys)) == [keys[:KEYS], keys[KEYS : 2 * KEYS], keys[2 * KEYS :]]
    assert list(batches(keys[:KEYS])) == [keys[:KEYS]]
    assert list(batches([])) == []


def test_of_a_text_for_an_index_there_is_the_beginning() -> None:
    assert for_index("x" * INDEXED + "y") == "x" * INDEXED
    assert for_index("x") == "x"
    assert for_index(None) is None
