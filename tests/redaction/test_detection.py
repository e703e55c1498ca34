"""What is found in a text."""

import pytest

from relayproxy.redaction.detection import find
from relayproxy.redaction.values import Context, Policy, masked


def shown(text: str, **given: str | None) -> str:
    """The text as it is stored."""
    return masked(text, find(text, language=given.get("language"), policy=Policy(), context=Context()).secrets)


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("My card is 4111 1111 1111 1111.", "My card is •••• •••• •••• 1111."),
        ("3782-822463-10005", "••••-••••••-•0005"),
        ("write to jane.doe@example.com please", "write to ••••.•••@•••••••.••• please"),
        ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        ("/ws?card=4111%201111%201111%201111&cvv=123", "/ws?card=••••%20••••%20••••%201111&cvv=•••"),
        ("pan=4111+1111+1111+1111&pin=4821", "pan=••••+••••+••••+1111&pin=••••"),
        ("mail=jane.doe%40example.com&phone=%2B4930123456", "mail=••••.•••%•••••••••.•••&phone=%2B4930123456"),
    ],
)
def test_a_secret_keeps_its_shape(said: str, stored: str) -> None:
    assert shown(said) == stored


def test_a_number_at_the_end_may_go_on() -> None:
    found = find("my card is 4111 11", language="en", policy=Policy(), context=Context())

    assert (found.open_from, found.open_digits) == (11, 6)
