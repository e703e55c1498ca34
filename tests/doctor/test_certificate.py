"""Certificates: what a client like Twilio would say of a pair of files."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from relayproxy.doctor.certificate import certificate
from relayproxy.doctor.check import Result
from relayproxy.settings.model import Settings

Made = Callable[..., Settings]
NOW = datetime.now(UTC)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Settings with a certificate of an authority that this system knows, unless it is to be `unknown`."""

    def make(*names: str, unknown: bool = False, alone: bool = False, **dates: Any) -> Settings:
        root = trustme.CA()
        authority = root.create_child_ca()
        issued = authority.issue_cert(*(names or ("relay.example.com",)), **dates)
        root.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / ("none.pem" if unknown else "ca.pem")))
        chain = issued.cert_chain_pems[:1] if alone else issued.cert_chain_pems
        (tmp_path / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in chain))
        (tmp_path / "key.pem").write_bytes(issued.private_key_pem.bytes())
        return Settings(
            public_url="wss://relay.example.com", tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem"
        )

    return make


def found(settings: Settings) -> dict[str, Result]:
    return {one.name: one for one in certificate(settings)}


def test_a_good_pair(made: Made) -> None:
    results = found(made(not_after=NOW + timedelta(days=40, hours=1)))

    assert {name: one.state for name, one in results.items()} == {"pair": "ok", "dates": "ok", "names": "ok"}
    assert results["dates"].text.endswith(", 40 more days")
    assert results["names"].text.startswith("it is for relay.example.com")


@pytest.mark.parametrize(
    ("dates", "state", "words"),
    [
        ({"not_after": NOW + timedelta(days=3)}, "warning", "valid until"),
        ({"not_after": NOW - timedelta(days=1)}, "failed", "certificate has expired"),
        ({"not_before": NOW + timedelta(days=1)}, "failed", "certificate is not yet valid"),
    ],
)
def test_dates(made: Made, dates: dict[str, datetime], state: str, words: str) -> None:
    one = found(made(**dates))["dates"]

    assert (one.state, one.action) == (state, "renew it; the relay takes it by itself")
    assert words in one.text


def test_names_are_compared_with_the_public_url(made: Made) -> None:
    results = found(made("other.example.com"))

    assert results["names"].state == "warning"
    assert "not valid for 'relay.example.com'" in results["names"].text
    assert found(made("*.example.com"))["names"].state == "ok"
    without = made().model_copy(update={"public_url": None})
    assert found(without)["names"].state == "skipped"


def test_a_chain_leads_to_an_authority_that_is_known(made: Made) -> None:
    for settings in (made(alone=True), made(unknown=True)):
        one = found(settings)["chain"]
        assert one.state == "warning"
        assert "certificate" in one.text
        assert one.action.startswith("put the issuers' certificates behind it")


def test_files_that_are_no_pair(made: Made, tmp_path: Path) -> None:
    settings = made()
    (tmp_path / "key.pem").write_bytes(trustme.CA().issue_cert("relay.example.com").private_key_pem.bytes())
    (one,) = certificate(settings)
    assert (one.name, one.state) == ("pair", "failed")
    assert "a matching PEM certificate chain and key are expected" in one.text

    (tmp_path / "cert.pem").write_text("nothing")
    (one,) = certificate(settings)
    assert one.state == "failed"


def test_without_one(tmp_path: Path) -> None:
    (one,) = certificate(Settings())

    assert one.state == "skipped"
