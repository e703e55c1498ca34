"""What holds of spans whichever way they came."""

from relayproxy.telemetry.received.otlp_protobuf import decode
from relayproxy.telemetry.received.received import KINDS, LATEST, MAX_REASONS, links, moment, put
from tests.telemetry.spans import proto_span, protobuf


def test_of_many_bad_spans_the_first_are_told() -> None:
    request = decode(protobuf(*[proto_span(1, span_id=b"x")] * (MAX_REASONS + 5)))

    assert request.rejected == MAX_REASONS + 5
    assert request.message.count("spanId") == MAX_REASONS
    assert request.message.endswith("; and 5 more")


def test_a_time_can_be_stored() -> None:
    assert [moment(one) for one in (-1, 5, 2**64)] == [0, 5, LATEST]


def test_kinds_have_the_numbers_of_otlp() -> None:
    assert KINDS == ("internal", "internal", "server", "client", "producer", "consumer")


def test_links_that_lead_nowhere_are_left_out() -> None:
    (found,) = links([(bytes(16), bytes(8), {}), (b"x", bytes(8), {}), (bytes(16), b"", {})])

    assert found.trace_id == "0" * 32


def test_of_two_attributes_of_one_name_the_first_stays() -> None:
    found: dict[str, int] = {}
    for value in (1, 2):
        put(found, "a\ud800", value)

    assert found == {"a\ufffd": 1}
