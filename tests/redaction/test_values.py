"""The policy of redaction, and masks."""

import pytest

from relayproxy.redaction.detection.detection import find
from relayproxy.redaction.values import Context, Detection, Secret, policy, redact_pattern
from tests.redaction.masks import masked


def test_own_patterns_are_masked() -> None:
    text = "the reference is ZX-1234, again zx-1234"
    found = find(text, language=None, policy=policy(patterns=["(?i)zx-[0-9]{4}"]), context=Context())

    assert masked(text, found.secrets) == "the reference is ••-••••, again ••-••••"


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "a*", "["])
def test_a_pattern_that_cannot_be_used_is_refused_with_the_reason(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"a regular expression .* is expected"):
        redact_pattern(pattern)


def test_fields_are_named_in_any_case() -> None:
    fields = policy(fields=["customerName", " Straße "])

    assert [fields.masks_field(name) for name in ("customername", "STRASSE", "customer")] == [True, True, False]


def test_what_lies_behind_an_offset_is_counted_from_there() -> None:
    found = Detection((Secret("pin", 2, 4, "12", ((2, 4),)), Secret("number", 6, 16, "1", ((6, 9), (12, 16)))), 18, 1)

    assert found.behind(10) == Detection((Secret("number", 0, 6, "1", ((2, 6),)),), 8, 1)
    assert found.behind(20) == Detection((), 0, 1)
