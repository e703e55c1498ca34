"""Fields of handoffs: names alone, and none that may be secrets."""

from typing import Any

import pytest

from relayproxy.conversation.checks.handoff import handoff
from relayproxy.doctor.studio.fields import SeenFields, seen_fields


def seen(*data: Any) -> SeenFields:
    return seen_fields(handoff(one, 0, 100) for one in data)


def test_names_are_counted_dotted_as_a_flow_reads_them() -> None:
    found = seen(
        '{"reason_code": "live-agent", "order": {"items": [{"sku": "a"}, {"sku": "b"}]}}', '{"reason_code": "done"}'
    )

    assert (found.handoffs, found.objects) == (2, 2)
    assert dict(found.counts) == {
        "reason_code": 2,
        "order": 1,
        "order.items": 1,
        "order.items.0": 1,
        "order.items.0.sku": 1,
        "order.items.1": 1,
        "order.items.1.sku": 1,
    }
    assert found.shown(2) == "reason_code, order and 5 more"


@pytest.mark.parametrize("data", ["done", "[1]", '"{}"', '{"a": '])
def test_what_is_no_object_has_no_fields(data: str) -> None:
    assert seen(data) == SeenFields(1, 0)


def test_handoffs_without_data_are_not_counted() -> None:
    assert seen(None) == SeenFields()


def test_names_that_may_be_numbers_of_somebody_are_not_shown() -> None:
    found = seen('{"+15550100001": 1, "customer 4711": 2, "id_4711": 3, "plan": 4}')

    assert found.shown() == "plan and 3 more"
    assert seen('{"4111111111111111": 1}').shown() == "none that can be shown"


def test_values_are_nowhere() -> None:
    assert "quagmire" not in repr(seen('{"a": "quagmire", "b": {"c": ["quagmire"]}}'))


def test_a_deep_or_wide_payload_is_not_followed_for_ever() -> None:
    assert len(seen('{"a":' * 50 + "1" + "}" * 50).counts) == 4
    assert len(seen("{" + ",".join(f'"k{n}": 1' for n in range(5000)) + "}").counts) == 200
