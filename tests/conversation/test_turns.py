"""Words of a response, however it was cut into tokens."""

from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.turns import Response, words


def test_words_are_what_is_left_of_spelling() -> None:
    assert words("  Sure, FOR when?!\nÉté 5") == " sure for when été 5"
    assert words("...") == ""


@given(st.lists(st.text(alphabet="aB ,.é日\n", max_size=4)))
def test_words_grow_with_the_response(tokens: list[str]) -> None:
    response = Response("c")
    for token in tokens:
        response.chunks.append(token)
        response.words()

    assert response.words() == words("".join(tokens))
    assert response.text() == "".join(tokens)
