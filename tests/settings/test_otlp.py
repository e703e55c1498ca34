"""The standard `OTEL_…` variables before the table, and what is said about those that cannot be used."""

from pathlib import Path

import pytest
import trustme

from relayproxy.errors import SettingError
from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import (
    Batching,
    OtlpExport,
    Sampler,
    batching,
    header_variables,
    otlp_export,
    place,
    reading,
    require_otlp,
    resource_attributes,
    sampler,
)

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def way(otel: Otel | None = None, /, **environ: str) -> OtlpExport:
    found = otlp_export(otel or Otel(), "traces", environ)
    assert found is not None
    return found


def problem_of(otel: Otel | None = None, /, **environ: str) -> str:
    with pytest.raises(SettingError) as caught:
        require_otlp(otel or Otel(), HERE | environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("otel", "environ"),
    [
        ({}, {}),
        ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": " "}),
        ({}, {**HERE, "OTEL_SDK_DISABLED": "True"}),
        ({}, {**HERE, "OTEL_TRACES_EXPORTER": "none"}),
        ({"endpoint": "http://file"}, {"OTEL_TRACES_EXPORTER": "none"}),
        ({"endpoint": "http://file", "traces_exporter": "none"}, {}),
        ({}, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318"}),
    ],
)
def test_no_span_is_sent_unless_asked_for(otel: dict[str, str], environ: dict[str, str]) -> None:
    assert otlp_export(Otel.model_validate(otel), "traces", environ) is None


def test_a_standard_variable_comes_before_the_table_and_one_for_a_signal_before_one_for_all() -> None:
    otel = Otel.model_validate({"endpoint": "http://file", "timeout": 3, "compression": "gzip", "protocol": "grpc"})

    assert (way(otel).endpoint, way(otel).timeout, way(otel).compression) == ("http://file", 3, "gzip")
    given = {**HERE, "OTEL_EXPORTER_OTLP_TIMEOUT": "2500", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1500"}
    found = otlp_export(otel, "traces", given)
    assert found is not None
    assert (found.endpoint, found.timeout, found.protocol) == ("http://collector:4318", 1.5, "grpc")
    metrics = otlp_export(otel, "metrics", given)
    assert metrics is not None
    assert metrics.timeout == 2.5


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318/"}, "http://a:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a/otlp"}, "https://a/otlp/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a/?key=b/c"}, "https://a/v1/traces?key=b/c"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://a/spans"}, "https://a/spans"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://a:4317"),
        ({}, "http://file/x/v1/traces"),
    ],
)
def test_with_http_the_signals_path_is_added_to_an_endpoint_for_all(environ: dict[str, str], url: str) -> None:
    assert way(Otel.model_validate({"endpoint": "http://file/x"}), **environ).endpoint == url


def test_headers_are_read_where_they_are(tmp_path: Path) -> None:
    secret = tmp_path / "otlp"
    secret.write_text("Basic canary==\n")
    otel = Otel.model_validate({"headers": {"Authorization": f"file:{secret}", "X-Team": "env:TEAM"}})

    found = way(otel, **HERE, TEAM="voice team")
    assert found.headers == (("authorization", "Basic canary=="), ("x-team", "voice team"))
    assert "canary" not in repr(found)
    assert header_variables(otel) == {"TEAM"}
    standard = way(otel, **HERE, OTEL_EXPORTER_OTLP_HEADERS="api-key=a%2Cb, x = Bearer y==")
    assert standard.headers == (("api-key", "a,b"), ("x", "Bearer y=="))


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("env:MISSING", "the environment variable MISSING is expected, and it is not set"),
        ("env:EMPTY", "the environment variable EMPTY is empty; the value of that header is expected in it"),
        ("env:ODD", "it has characters that no header can have"),
        (
            "file:/nowhere/otlp",
            "a readable file with the value of that header is expected at /nowhere/otlp (No such file or directory)",
        ),
        ("file:/etc", "a readable file with the value of that header is expected at /etc (Is a directory)"),
    ],
)
def test_a_reference_that_leads_to_no_header_stops_the_start(reference: str, said: str) -> None:
    otel = Otel.model_validate({"headers": {"authorization": reference}})

    assert problem_of(otel, EMPTY=" ", ODD="canary – x") == f"otel.headers=authorization={reference}: {said}"


SAMPLERS = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317", "a URL that begins with http:// or https://"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector", "a URL that begins with http:// or https://"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf or grpc is expected"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "carrier pigeon", "http/protobuf or grpc is expected"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp or none is expected"),
        ("OTEL_METRICS_EXPORTER", "prometheus", "otlp or none is expected"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds, 1 to 300000, are expected"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "milliseconds, 1 to 300000, are expected"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "none or gzip is expected"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem", "a file is expected, and there is none"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", __file__, "the certificate that it belongs to is expected"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", f"{SAMPLERS} or parentbased_traceidratio is expected"),
        ("OTEL_TRACES_SAMPLER_ARG", "10%", "a share of the calls, 0 to 1, is expected"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "a share of the calls, 0 to 1, is expected"),
        ("OTEL_RESOURCE_ATTRIBUTES", "production", "name=value, separated by commas and percent-encoded, is expected"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "a number of spans, 1 to 9999999, is expected"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "a number of spans, 1 to 9999999, is expected"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1", "milliseconds, 1 to 300000, are expected"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "60s", "milliseconds, 1 to 300000, are expected"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both", "cumulative, delta or lowmemory is expected"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_with_what_is_expected(name: str, value: str, expected: str) -> None:
    assert problem_of(**{name: value}).startswith(f"{name}={value}: {expected}")


@pytest.mark.parametrize(
    ("otel", "environ", "every", "temporality"),
    [
        ({}, {}, 60.0, "cumulative"),
        ({"metrics_interval": 10, "metrics_temporality": "delta"}, {}, 10.0, "delta"),
        ({"metrics_interval": 10}, {"OTEL_METRIC_EXPORT_INTERVAL": "30000"}, 30.0, "cumulative"),
        ({}, {"OTEL_METRIC_EXPORT_INTERVAL": "20"}, 1.0, "cumulative"),
        ({}, {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "LowMemory"}, 60.0, "delta"),
    ],
)
def test_how_often_metrics_are_sent_and_since_when_they_count(
    otel: dict[str, object], environ: dict[str, str], every: float, temporality: str
) -> None:
    found = reading(Otel.model_validate(otel), environ)
    assert (found.every, found.temporality) == (every, temporality)


@pytest.mark.parametrize("text", ["canary", "authorization=", "=canary", "a b=canary", "x=canary%0A", "x=1,canary"])
def test_a_header_that_is_none_is_told_without_its_value(text: str) -> None:
    assert problem_of(OTEL_EXPORTER_OTLP_HEADERS=text) == (
        "OTEL_EXPORTER_OTLP_HEADERS=***: headers as name=value, separated by commas and percent-encoded, are expected, "
        "such as authorization=Bearer%20…"
    )


def test_secrets_of_an_endpoint_are_not_told() -> None:
    said = problem_of(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://user:canary@collector:4317?key=canary", OTEL_EXPORTER_OTLP_PROTOCOL="grpc"
    )
    assert said == (
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://***@collector:4317?key=***: a URL without user name and password is "
        "expected with grpc"
    )
    assert place("http://user:canary@collector:4317/v1?key=canary") == "http://collector:4317"


def test_certificates_are_read_at_the_start(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    ca, chain, key, wrong = (tmp_path / name for name in ("ca.pem", "chain.pem", "key.pem", "wrong.pem"))
    authority.cert_pem.write_to_path(ca)
    leaf = authority.issue_cert("client.example.com")
    leaf.private_key_and_cert_chain_pem.write_to_path(chain)
    leaf.private_key_pem.write_to_path(key)
    other.issue_cert("client.example.com").private_key_pem.write_to_path(wrong)

    good = {
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(ca),
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(chain),
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(key),
    }
    found = way(**HERE, **good)
    assert (found.certificate, found.client_certificate, found.client_key) == (str(ca), str(chain), str(key))
    assert way(Otel(client_certificate=chain), **HERE).client_certificate == str(chain)

    assert problem_of(**{**good, "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(wrong)}) == (
        f"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE={chain}, OTEL_EXPORTER_OTLP_CLIENT_KEY={wrong}: a certificate chain "
        "and its private key without a password (PEM) are expected"
    )
    assert problem_of(Otel(certificate=key)) == (f"otel.certificate={key}: a file with certificates (PEM) is expected")


def test_batches_fit_the_queue() -> None:
    assert batching({}) == Batching(queue=16384, batch=512, delay=5.0)
    assert batching({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_SCHEDULE_DELAY": "50"}) == Batching(100, 100, 0.05)
    said = problem_of(OTEL_BSP_MAX_QUEUE_SIZE="100", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="101")
    assert said == ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE=101: at most OTEL_BSP_MAX_QUEUE_SIZE is expected, which is 100")


def test_attributes_of_the_sender_come_from_both_the_variables_first() -> None:
    otel = Otel.model_validate({"resource_attributes": {"a": "1", "b": "2"}, "service_name": "calls"})

    assert resource_attributes(otel, {}) == {"a": "1", "b": "2", "service.name": "calls"}
    assert resource_attributes(otel, {"OTEL_RESOURCE_ATTRIBUTES": "b=3,service.name=voice%20line"}) == {
        "a": "1",
        "b": "3",
        "service.name": "voice line",
    }
    assert resource_attributes(otel, {"OTEL_SERVICE_NAME": "voice"})["service.name"] == "voice"


LOW, HIGH = "f" * 16 + "0" * 15 + "1", "0" * 16 + "f" * 16


@pytest.mark.parametrize(
    ("name", "parent", "sampled"),
    [
        ("always_on", False, (True, True)),
        ("always_off", True, (False, False)),
        ("traceidratio", False, (True, False)),
        ("parentbased_always_on", None, (True, True)),
        ("parentbased_always_on", False, (False, False)),
        ("parentbased_always_off", None, (False, False)),
        ("parentbased_always_off", True, (True, True)),
        ("parentbased_traceidratio", None, (True, False)),
        ("parentbased_traceidratio", True, (True, True)),
    ],
)
def test_calls_are_sampled_as_opentelemetrys_samplers_do(
    name: str, parent: bool | None, sampled: tuple[bool, bool]
) -> None:
    found = sampler(Otel(), {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": "0.5"})

    assert (found.sampled(LOW, parent), found.sampled(HIGH, parent)) == sampled


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_the_share_is_that_of_opentelemetrys_own_sampler(ratio: float) -> None:
    from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

    theirs, ours = TraceIdRatioBased(ratio), Sampler("traceidratio", ratio)
    for number in range(200):
        trace = number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128
        taken = theirs.should_sample(None, trace, "turn").decision is Decision.RECORD_AND_SAMPLE
        assert ours.sampled(f"{trace:032x}") is taken
