"""The process in which a call is made again."""

from relayproxy.console.replays.calling import environment


def test_it_gets_neither_settings_nor_secrets() -> None:
    needed = {"PATH": "/bin", "LANG": "C", "LC_ALL": "C", "PYTHONPATH": "/app", "SSL_CERT_FILE": "/etc/ca.pem"}
    secret = {
        "RELAYPROXY_DATABASE_URL": "postgresql://u:p@db/x", "TWILIO_AUTH_TOKEN": "t", "PGPASSWORD": "p",
        "AWS_SECRET_ACCESS_KEY": "k", "AWS_SESSION_TOKEN": "t", "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "AZURE_STORAGE_KEY": "k", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=k", "https_proxy": "http://u:p@proxy/",
    }  # fmt: skip
    assert environment(needed | secret) == needed
