"""The table `[otel]` from file and environment, and what is said about wrong values."""

from pathlib import Path

import pytest

from relayproxy.settings.loading import load
from relayproxy.settings.otel import Otel, split_pairs
from tests.settings.problems import problems_of


def test_the_environment_comes_before_the_file(config: Path) -> None:
    config.write_text('[otel]\nendpoint = "http://file:4318"\ntrace_shape = "turn"\ncontent = false\n')

    otel = load(config, {}, {"RELAYPROXY_OTEL__ENDPOINT": "http://env:4318", "RELAYPROXY_OTEL__CONTENT": "true"}).otel
    assert (otel.endpoint, otel.trace_shape, otel.content) == ("http://env:4318", "turn", True)


def test_headers_and_attributes_are_tables_or_text(config: Path) -> None:
    config.write_text(
        """
        [otel.headers]
        authorization = "file:/run/secrets/otlp"
        X-Team = "env:TEAM"
        [otel.resource_attributes]
        deployment.environment.name = "production"
        "team" = "über, alles"
        canary = true
        """
    )
    otel = load(config, {}, {}).otel

    assert otel.headers == "authorization=file:/run/secrets/otlp,X-Team=env:TEAM"
    assert split_pairs(otel.resource_attributes or "") == {
        "deployment.environment.name": "production",
        "team": "über, alles",
        "canary": "true",
    }
    as_text = {"headers": otel.headers, "resource_attributes": otel.resource_attributes}
    assert Otel.model_validate(as_text) == otel


URL = (
    "a URL that begins with http:// or https://, such as http://localhost:4318 (HTTP) or http://localhost:4317 (gRPC), "
    "is expected"
)
REFERENCES = "names of headers with references to their values are expected, never the values themselves: "


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("endpoint", "collector:4317", URL),
        ("endpoint", "127.0.0.1", URL),
        ("endpoint", "grpc://collector:4317", URL),
        ("endpoint", "http://", URL),
        ("endpoint", "http://a:0", URL),
        ("endpoint", "http://a:99999", URL),
        ("endpoint", "http://a b", URL),
        ("protocol", "http/json", "'http/protobuf' or 'grpc' is expected"),
        ("certificate", "/nowhere/ca.pem", "a file is expected, and there is none"),
        ("timeout", "0", "a number greater than 0 is expected"),
        ("timeout", "301", "a number less than or equal to 300 is expected"),
        ("compression", "zstd", "'none' or 'gzip' is expected"),
        ("sampler_arg", "1.5", "a number less than or equal to 1 is expected"),
        ("resource_attributes", "production", "name=value, separated by commas and percent-encoded, is expected"),
        ("trace_shape", "call", "'session' or 'turn' is expected"),
        ("content", "perhaps", "a valid boolean is expected"),
        ("semconv", "newest", "'stable' or 'experimental' is expected"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(setting: str, value: str, expected: str) -> None:
    variable = f"RELAYPROXY_OTEL__{setting.upper()}"

    assert problems_of(None, {}, **{variable: value}) == [f"otel.{setting}={value} ({variable}): {expected}"]


@pytest.mark.parametrize(
    "headers",
    [
        '"authorization=Bearer canary"',
        '{ authorization = "Bearer canary" }',
        '{ authorization = "env:canary-" }',
        '"env:CANARY"',
        "[]",
    ],
)
def test_a_header_is_given_by_reference_and_what_was_given_else_is_not_repeated(config: Path, headers: str) -> None:
    config.write_text(f"[otel]\nheaders = {headers}\n")

    (problem,) = problems_of(config)
    assert REFERENCES in problem
    assert "canary" not in problem.lower()


def test_a_slip_is_told_without_what_may_be_secret() -> None:
    (problem,) = problems_of(RELAYPROXY_OTEL__HEADER="authorization=canary")

    assert problem == "otel.header=*** (RELAYPROXY_OTEL__HEADER): no such setting; did you mean headers?"


def test_the_table_is_a_table(config: Path) -> None:
    config.write_text('otel = "http://localhost:4318"\n')

    assert problems_of(config) == [
        f'otel=http://localhost:4318 ({config}): a table such as [otel] with endpoint = "https://…" is expected'
    ]
