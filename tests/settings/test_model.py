"""What settings are by default and by route, and what is said about wrong ones."""

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.objects.place import Place
from relayproxy.settings.loading import as_environment, load
from relayproxy.settings.model import Settings, relay_urls, slow_turn_and_stall, version_from
from relayproxy.settings.recordings import recordings_place
from relayproxy.settings.retention import days_by_route, sentences
from relayproxy.settings.validators import split_address
from tests.settings.problems import DIGEST, HASH, problems_of


def test_an_unknown_key_in_the_file_is_refused(config: Path) -> None:
    config.write_text('colour = "red"\n[routes.sales]\nbackend = "ws://a/"\nbackends = 3\n')

    assert problems_of(config) == [
        f"routes.sales.backends=3 ({config}): no such setting; did you mean backend?",
        f"colour=red ({config}): no such setting",
    ]


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("backend", "http://agent/", "a ws:// or wss:// URL such as wss://agent.example.com/ws is expected"),
        ("backend", "ws://agent:0/", "a ws:// or wss:// URL such as wss://agent.example.com/ws is expected"),
        ("backend", "ws://agent:99999/", "a ws:// or wss:// URL is expected"),
        ("backend", "ws://agent/#part", "a URL without a fragment (#…) is expected"),
        (
            "backend",
            "ws://agent/a b",
            "a URL without spaces and non-ASCII characters is expected (percent-encode them)",
        ),
        (
            "backend",
            "ws://agent/\x7f",
            "a URL without spaces and non-ASCII characters is expected (percent-encode them)",
        ),
        ("listen", "8080", "HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"),
        ("listen", ":8080", "HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"),
        ("listen", "localhost:65536", "HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"),
        ("listen", "localhost:²", "HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"),
        ("console", "::1:8081", "an IPv6 host is expected in brackets, such as [::1]:8080"),
        ("data_dir", __file__, "a folder is expected, and this is a file"),
        ("tls_key", "/nowhere/key.pem", "a file is expected, and there is none"),
        ("connect_timeout", "soon", "a valid number is expected"),
        ("connect_timeout", "0", "a number greater than 0 is expected"),
        ("drain_timeout", "nan", "a finite number is expected"),
        ("slow_turn", "0", "a number greater than 0 is expected"),
        ("slow_turn", "inf", "a number less than or equal to 3600 is expected"),
        ("stall", "-1", "a number greater than 0 is expected"),
        ("stall", "1s", "a valid number is expected"),
        ("journal_quota", "5", "a number greater than or equal to 1048576 is expected"),
        ("console_hosts", "console:8081", "host names such as console,console.internal are expected, without ports"),
        ("console_hosts", "a..b", "host names such as console,console.internal are expected, without ports"),
        ("message_limit", "1.5", "a valid integer is expected"),
        ("traceparent", "perhaps", "a valid boolean is expected"),
        ("host_header", "mine", "'auto', 'preserve' or 'backend' is expected"),
        (
            "database_url",
            "calls.db",
            "a URL such as sqlite:////var/lib/relayproxy/relayproxy.db or postgresql://user:password@host/relayproxy "
            "is expected (special characters in user name and password percent-encoded)",
        ),
        (
            "database_url",
            "sqlite:///:memory:",
            "a URL such as sqlite:////var/lib/relayproxy/relayproxy.db or postgresql://user:password@host/relayproxy "
            "is expected (special characters in user name and password percent-encoded)",
        ),
        (
            "database_url",
            "mysql://db/calls",
            "a URL such as sqlite:////var/lib/relayproxy/relayproxy.db or postgresql://user:password@host/relayproxy "
            "is expected (special characters in user name and password percent-encoded)",
        ),
        (
            "database_url",
            "postgresql://db",
            "a URL such as sqlite:////var/lib/relayproxy/relayproxy.db or postgresql://user:password@host/relayproxy "
            "is expected (special characters in user name and password percent-encoded)",
        ),
        (
            "database_url",
            "postgresql://a:1,b:2/calls",
            "a URL such as sqlite:////var/lib/relayproxy/relayproxy.db or postgresql://user:password@host/relayproxy "
            "is expected (special characters in user name and password percent-encoded)",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(setting: str, value: str, expected: str) -> None:
    variable = f"RELAYPROXY_{setting.upper()}"

    assert problems_of(None, {}, **{variable: value}) == [f"{setting}={value} ({variable}): {expected}"]


def test_shapes_that_are_no_settings_are_refused(config: Path) -> None:
    config.write_text('listen = { port = 1 }\nconsole = ["a"]\n[routes]\nsales = "ws://a/"\n')

    assert problems_of(config) == [
        f'routes.sales=ws://a/ ({config}): a table such as [routes.sales] with backend = "wss://…" is expected',
        f"listen ({config}): HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)",
        f"console ({config}): HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)",
    ]


def test_a_bare_port_in_the_file_is_no_address(config: Path) -> None:
    config.write_text("listen = 8080\n")

    assert problems_of(config) == [
        f"listen=8080 ({config}): HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"
    ]


def test_the_quota_holds_two_segments_at_least() -> None:
    mebibyte = 1024 * 1024

    assert load(None, {"journal_quota": 2 * mebibyte, "journal_segment": mebibyte}, {})
    assert problems_of(None, {"journal_quota": 2 * mebibyte - 1, "journal_segment": mebibyte}) == [
        "journal_quota=2097151: at least 2 × journal_segment is expected, and journal_segment=1048576"
    ]


def test_a_route_needs_a_backend_and_a_plain_name(config: Path) -> None:
    config.write_text('[routes.sales]\nhost_header = "auto"\n[routes."a/b"]\nbackend = "ws://a/"\n')

    assert problems_of(config) == [
        "routes.sales.backend is not set: The route's backend.",
        f"routes.a/b ({config}): a name of 1 to 64 letters, digits, '.', '_', '-' that begins with a letter or "
        "digit is expected",
    ]


def test_users_and_tokens_come_from_file_and_environment(config: Path) -> None:
    config.write_text(f"[users.alice]\npassword = '{HASH}'\n[tokens.ci]\nsha256 = '{DIGEST.upper()}'\nrole = 'admin'\n")
    environ = {
        "RELAYPROXY_USERS__alice__ROLE": "admin",
        "RELAYPROXY_USERS__bob@example.com__PASSWORD": HASH,
        "RELAYPROXY_TOKENS": json.dumps({"grafana": {"sha256": DIGEST}}),
    }

    settings = load(config, {}, environ)

    assert {name: (user.password, user.role) for name, user in settings.users.items()} == {
        "alice": (HASH, "admin"),
        "bob@example.com": (HASH, "viewer"),
    }
    assert {name: (token.sha256, token.role) for name, token in settings.tokens.items()} == {
        "ci": (DIGEST, "admin"),
        "grafana": (DIGEST, "viewer"),
    }
    assert HASH not in repr(settings)
    assert DIGEST not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            {"RELAYPROXY_USERS__alice__PASSWORD": "hunter2"},
            "users.alice.password=*** (RELAYPROXY_USERS__alice__PASSWORD): "
            'an Argon2 hash as "relayproxy password" prints it is expected, not the password itself',
        ),
        (
            {"RELAYPROXY_USERS__alice__PASWORD": "hunter2"},
            "users.alice.pasword=*** (RELAYPROXY_USERS__alice__PASWORD): no such setting; did you mean password?",
        ),
        (
            {"RELAYPROXY_USERS__alice": "hunter2"},
            'users.alice=*** (RELAYPROXY_USERS__alice): a table such as [users.alice] with password = "$argon2id$…" '
            "is expected",
        ),
        (
            {"RELAYPROXY_USERS": '{"alice": "hunter2"'},
            'users=*** (RELAYPROXY_USERS): a table such as [users.alice] with password = "$argon2id$…" is expected',
        ),
        (
            {"RELAYPROXY_USERS__alice__ROLE": "boss"},
            "users.alice.role=boss (RELAYPROXY_USERS__alice__ROLE): 'viewer' or 'admin' is expected",
        ),
        (
            {"RELAYPROXY_USERS__local__ROLE": "admin"},
            "users.local (RELAYPROXY_USERS__local): "
            "another name than local is expected, which stands for nobody having to sign in",
        ),
        (
            {"RELAYPROXY_TOKENS__ci__SHA256": "hunter2"},
            "tokens.ci.sha256=*** (RELAYPROXY_TOKENS__ci__SHA256): "
            '64 hex digits as "relayproxy token" prints them are expected, not the token itself',
        ),
        (
            {"RELAYPROXY_TOKENS__ci__ROLE": "admin"},
            "tokens.ci.sha256 is not set: SHA-256 of the token in hex digits, as relayproxy token prints it.",
        ),
        (
            {"RELAYPROXY_CONSOLE_KEY": "hunter2"},
            "console_key=*** (RELAYPROXY_CONSOLE_KEY): a random text of at least 32 characters is expected",
        ),
        (
            {"RELAYPROXY_CONSOL_KEY": "hunter2"},
            "consol_key=*** (RELAYPROXY_CONSOL_KEY): no such setting; did you mean console_key?",
        ),
        (
            {"RELAYPROXY_CONSOLE_URL": "console.example.com"},
            "console_url=console.example.com (RELAYPROXY_CONSOLE_URL): "
            "an http:// or https:// URL without a path, such as https://console.example.com, is expected",
        ),
        (
            {"RELAYPROXY_CONSOLE_PROXIES": "10.0.0.1,proxy"},
            "console_proxies=10.0.0.1,proxy (RELAYPROXY_CONSOLE_PROXIES): "
            "IP addresses or networks such as 10.0.0.5,10.1.0.0/16 are expected",
        ),
        (
            {"RELAYPROXY_CONSOLE_USER_HEADER": "X User"},
            "console_user_header=X User (RELAYPROXY_CONSOLE_USER_HEADER): "
            "the name of an HTTP header such as X-Forwarded-User is expected",
        ),
        (
            {"RELAYPROXY_CONSOLE_USER_HEADER": "X-User"},
            "console_user_header: console_url is expected with it, the URL at which browsers reach the proxy",
        ),
    ],
)
def test_what_is_wrong_about_who_may_look_is_said_without_secrets(variables: dict[str, str], problem: str) -> None:
    assert problems_of(None, {}, **variables) == [problem]


def test_certificate_and_key_belong_together() -> None:
    assert problems_of(RELAYPROXY_TLS_CERT=__file__) == ["tls_cert and tls_key are expected together"]


@pytest.mark.parametrize("url", ["sqlite:////calls.db?key=hunter2", "postgresql://me:hunter2@db/calls"])
def test_the_database_password_is_not_in_the_settings_text(url: str) -> None:
    assert "hunter2" not in repr(Settings(database_url=url))


def test_the_database_password_is_not_in_what_is_said_of_a_wrong_url() -> None:
    (problem,) = problems_of(None, {}, RELAYPROXY_DATABASE_URL="postgresql://me:p@hunter2@db/calls")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "postgres://db/calls",
        "postgresql://me:p%40ss@db.example.com:5432/calls?sslmode=verify-full",
        "postgresql+psycopg://[::1]:5432/calls",
        "postgresql:///calls?host=/run/postgresql",
        "postgresql://me@/calls?host=a:5432&host=b:5433&target_session_attrs=read-write",
    ],
)
def test_a_postgresql_url_is_taken_as_it_is(url: str) -> None:
    assert load(None, {}, {"RELAYPROXY_DATABASE_URL": url}).database == url


def test_what_to_paste_into_studio() -> None:
    settings = load(None, {"backend": "ws://a/", "routes": {"sales": {"backend": "ws://b/"}}}, {})
    assert relay_urls(settings, "ws://127.0.0.1:8080") == {
        "default": "ws://127.0.0.1:8080/",
        "sales": "ws://127.0.0.1:8080/r/sales",
    }

    public = settings.model_copy(update={"backend": None, "public_url": "wss://relay.example.com/base"})
    assert relay_urls(public, "ws://127.0.0.1:8080") == {"sales": "wss://relay.example.com/base/r/sales"}


def test_a_route_may_have_its_own_idea_of_slow(config: Path) -> None:
    config.write_text(
        'slow_turn = 1.5\n[routes.a]\nbackend = "ws://a/"\nslow_turn = 4\n[routes.b]\nbackend = "ws://b/"\n'
    )
    settings = load(config, {}, {"RELAYPROXY_ROUTES__b__STALL": "0.25"})

    assert slow_turn_and_stall(settings, "a") == (4, 1)
    assert slow_turn_and_stall(settings, "b") == (1.5, 0.25)
    assert slow_turn_and_stall(settings, "default") == (1.5, 1)
    assert slow_turn_and_stall(settings, "gone") == (1.5, 1)


def test_a_route_may_tell_its_backends_version_elsewhere(config: Path) -> None:
    config.write_text('version_from = "header:X-App-Version"\n[routes.a]\nbackend = "ws://a/"\n')
    settings = load(
        config,
        {},
        {"RELAYPROXY_ROUTES__b__BACKEND": "ws://b/", "RELAYPROXY_ROUTES__b__VERSION_FROM": "parameter:app version"},
    )

    assert [version_from(settings, route) for route in ("a", "b", "default")] == [
        "header:X-App-Version",
        "parameter:app version",
        "header:X-App-Version",
    ]


def test_a_wrong_time_of_a_route_is_named() -> None:
    environ = {"RELAYPROXY_ROUTES__a__BACKEND": "ws://a/", "RELAYPROXY_ROUTES__a__STALL": "0"}

    assert problems_of(None, {}, **environ) == [
        "routes.a.stall=0 (RELAYPROXY_ROUTES__a__STALL): a number greater than 0 is expected"
    ]


def test_the_defaults_are_those_of_the_findings() -> None:
    assert Thresholds.of_seconds(*slow_turn_and_stall(Settings(), "default")) == Thresholds()


def test_paths_and_urls_are_taken_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = load(None, {"data_dir": "~/calls", "public_url": "wss://relay.example.com/"}, {})

    assert settings.data_dir == Path("/home/somebody/calls")
    assert settings.public_url == "wss://relay.example.com"
    assert settings.database == "sqlite:////home/somebody/calls/relayproxy.db"
    assert settings.embedded
    assert split_address("[::1]:8080") == ("::1", 8080)


def test_a_route_is_kept_for_times_of_its_own(config: Path) -> None:
    config.write_text('keep_content = 7\nbackend = "ws://a/"\n[routes.sales]\nbackend = "ws://b/"\nkeep_numbers = 0\n')
    settings = load(config, {}, {})

    assert days_by_route(settings) == {"": (7, 400), "sales": (7, 0)}
    assert [*sentences(days_by_route(settings))] == [
        "What was said is kept for 7 days after a call, and its numbers for 400 days.",
        "On route sales, what was said is kept for 7 days after a call, and its numbers for ever.",
    ]
    assert load(None, {}, as_environment(settings)) == settings


@pytest.mark.parametrize(
    ("content", "numbers", "said"),
    [
        ("0", "400", "keep_numbers=400: 0 (for ever) is expected, since what was said goes with the numbers"),
        ("30", "7", "keep_numbers=7: at least 30, as keep_content has, or 0 (for ever) is expected"),
        ("-1", "0", "keep_content=-1"),
        ("1 week", "0", "keep_content=1 week"),
    ],
)
def test_what_was_said_is_not_kept_for_longer_than_the_numbers(content: str, numbers: str, said: str) -> None:
    problems = problems_of(RELAYPROXY_KEEP_CONTENT=content, RELAYPROXY_KEEP_NUMBERS=numbers)

    assert any(problem.startswith(said) for problem in problems), problems


def test_recordings_go_to_a_bucket_or_a_folder() -> None:
    assert recordings_place(Settings()) is None
    assert recordings_place(Settings(recordings="/srv/calls")) == Place("file:///srv/calls")
    endpoint = "https://s3.example.com"
    there = Settings(recordings="s3://calls/eu/", recordings_endpoint=endpoint + "/", recordings_path_style=False)
    assert recordings_place(there) == Place("s3://calls/eu", endpoint, path_style=False)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"recordings": "gs://calls"}, "a bucket (s3://bucket/prefix) or a folder"),
        ({"recordings": "s3://key:secret@calls"}, "credentials go into AWS_ACCESS_KEY_ID"),
        ({"recordings": "s3://calls", "recordings_endpoint": "s3.example.com"}, "a URL such as https://s3.example.com"),
        ({"recordings_endpoint": "https://s3.example.com"}, "recordings=s3://bucket is expected with it"),
        ({"recordings": "/x", "recordings_endpoint": "https://s3.example.com"}, "recordings=s3://bucket is expected"),
    ],
)
def test_a_place_that_cannot_be_meant_is_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(told)):
        Settings.model_validate(given)
