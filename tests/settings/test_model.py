"""Settings from flags, environment and file, and what is said about wrong ones."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.errors import SettingError
from relayproxy.settings.model import (
    Settings,
    as_environment,
    load,
    relay_urls,
    require_backend,
    require_sign_in,
    slow_turn_and_stall,
    version_from,
)
from relayproxy.settings.retention import days_by_route, sentences
from relayproxy.settings.validators import split_address
from tests.settings.problems import DIGEST, HASH, problems_of


def test_nothing_given_is_the_defaults() -> None:
    assert load(None, {}, {}) == Settings()


def test_the_environment_can_name_the_file(config: Path) -> None:
    config.write_text("connect_timeout = 7\n")

    assert load(None, {}, {"RELAYPROXY_CONFIG": str(config)}).connect_timeout == 7


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
        f"routes.a/b ({config}): a route name of 1 to 64 letters, digits, '.', '_', '-' that begins with a letter or "
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


@pytest.mark.parametrize("console", ["127.0.0.1:8081", "[::1]:0", "localhost:1", "127.9.9.9:1"])
def test_on_loopback_the_console_asks_nobody(console: str) -> None:
    require_sign_in(Settings(console=console))


@pytest.mark.parametrize(
    "console", ["0.0.0.0:8081", "[::]:8081", "10.0.0.1:8081", "console.example.com:80", "localhost.example.com:1"]
)
def test_elsewhere_the_console_insists_on_a_sign_in(console: str) -> None:
    with pytest.raises(SettingError, match=r"without a sign-in the console listens on loopback only.*\[users\.NAME\]"):
        require_sign_in(Settings(console=console))

    for environ in (
        {"RELAYPROXY_USERS__alice__PASSWORD": HASH},
        {"RELAYPROXY_TOKENS__ci__SHA256": DIGEST},
        {"RELAYPROXY_CONSOLE_USER_HEADER": "X-User", "RELAYPROXY_CONSOLE_URL": "https://console.example.com"},
    ):
        require_sign_in(load(None, {"console": console}, environ))


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


def test_there_must_be_something_to_relay_to() -> None:
    require_backend(Settings(backend="ws://a/"))
    require_backend(load(None, {"routes": {"sales": {"backend": "ws://a/"}}}, {}))
    with pytest.raises(SettingError, match="backend is not set: the ws:// or wss:// URL"):
        require_backend(Settings())


@pytest.mark.parametrize(
    "values",
    [
        {"backend": "ws://127.0.0.1:8080"},
        {"backend": "wss://localhost:8080/ws?token=secret"},
        {"backend": "ws://[::1]:9000", "listen": "[::]:9000"},
        {"backend": "ws://localhost", "listen": "127.0.0.1:80"},
        {"backend": "ws://10.0.0.5:9000/x", "listen": "10.0.0.5:9000"},
        {"backend": "ws://[::ffff:10.0.0.5]:9000", "listen": "10.0.0.5:9000"},
        {"backend": "ws://0.0.0.0:8080"},
        {"backend": "ws://[::ffff:127.0.0.1]:8080"},
        {"backend": "ws://LOCALHOST:8080/"},
        {"backend": "wss://relay.example.com", "public_url": "wss://relay.example.com"},
        {"backend": "wss://Relay.Example.com:443", "public_url": "wss://relay.example.com"},
        {"routes": {"sales": {"backend": "ws://127.0.0.1:8080/r/sales"}}},
        {"routes": {"a": {"backend": "wss://relay.example.com/r/a/"}}, "public_url": "wss://relay.example.com"},
    ],
)
def test_a_backend_that_is_the_relay_itself_is_refused_at_start(values: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=r"backend=.*your ConversationRelay server is expected") as refused:
        require_backend(load(None, values, {}))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "values",
    [
        {"backend": "ws://127.0.0.1:8081"},
        {"backend": "ws://10.0.0.5:8080"},
        {"backend": "ws://127.0.0.1:9000", "listen": "10.0.0.5:9000"},
        {"backend": "wss://example.com/agent", "public_url": "wss://example.com/relay"},
        {"backend": "wss://example.com/agent", "public_url": "wss://example.com"},
    ],
)
def test_a_backend_beside_the_relay_is_none_of_it(values: dict[str, object]) -> None:
    require_backend(load(None, values, {}))


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


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "backend": st.just("wss://agent.example.com/ws?a=b&c"),
            "listen": st.sampled_from(["[::1]:0", "0.0.0.0:8080"]),
            "traceparent": st.booleans(),
            "drain_delay": st.floats(0, 1e9),
            "drain_timeout": st.floats(0, 1e9),
            "slow_turn": st.floats(0, 3600, exclude_min=True),
            "journal_quota": st.integers(32 * 1024 * 1024, 2**62),
            "data_dir": st.sampled_from(["calls", "/var/lib/some where"]),
            "host_header": st.sampled_from(["auto", "backend"]),
            "console_proxies": st.sampled_from(["10.0.0.1/32,fd00::/8"]),
            "console_key": st.just("k" * 32),
            "users": st.dictionaries(
                st.from_regex(r"[A-Z0-9][A-Za-z0-9._@+-]{0,63}", fullmatch=True),
                st.fixed_dictionaries(
                    {}, optional={"password": st.just(HASH), "role": st.sampled_from(["viewer", "admin"])}
                ),
                max_size=3,
            ),
            "otel": st.fixed_dictionaries(
                {},
                optional={
                    "endpoint": st.just("https://user:key@collector.example.com/x?y=z"),
                    "headers": st.sampled_from([{"x-key": "env:A", "authorization": "file:/b"}, "x-key=env:A"]),
                    "timeout": st.floats(0, 300, exclude_min=True),
                    "sampler_arg": st.floats(0, 1),
                    "resource_attributes": st.dictionaries(st.text(min_size=1), st.text(), min_size=1, max_size=3),
                    "content": st.booleans(),
                },
            ),
            "tokens": st.dictionaries(
                st.sampled_from(["ci", "a__b", "x@y"]), st.just({"sha256": DIGEST, "role": "admin"}), max_size=2
            ),
            "routes": st.dictionaries(
                st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
                st.fixed_dictionaries(
                    {"backend": st.just("ws://a/b?c=d")},
                    optional={"host_header": st.sampled_from(["preserve"]), "stall": st.floats(0.001, 3600)},
                ),
                max_size=3,
            ),
        },
    )
)
def test_settings_survive_the_way_through_the_environment(values: dict[str, object]) -> None:
    settings = load(None, values, {})
    environment = as_environment(settings)

    assert {type(value) for value in environment.values()} <= {str}
    assert load(None, {}, environment) == settings


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
