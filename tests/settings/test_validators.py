"""What values of settings look like, and what is expected where they do not."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from relayproxy.settings.loading import load
from relayproxy.settings.validators import (
    address,
    file,
    folder,
    header_name,
    is_loopback,
    is_secret,
    networks,
    password_hash,
    plain_name,
    public_url,
    sha256_hex,
    split_address,
    split_networks,
    trace_template,
    unmapped,
    user_name,
    version_source,
    web_origin,
    websocket_url,
)
from tests.settings.problems import DIGEST, HASH, problems_of


@pytest.mark.parametrize(
    "path", ["https://a.example/path", "https://u:p@a.example", "https://a.example?q", "ws://a.example"]
)
def test_the_address_of_the_console_is_a_plain_one(path: str) -> None:
    (problem,) = problems_of(RELAYPROXY_CONSOLE_URL=path)

    assert problem.endswith("URL without a path, such as https://console.example.com, is expected")


def test_addresses_are_taken_as_people_write_them(config: Path) -> None:
    config.write_text(
        'console_url = "HTTPS://Console.Example.com:443/"\nconsole_proxies = ["10.0.0.5", " fd00::/8 "]\n'
    )
    settings = load(config, {}, {})

    assert settings.console_url == "https://console.example.com"
    assert settings.console_proxies == "10.0.0.5/32,fd00::/8"


@pytest.mark.parametrize(
    "value",
    [
        "ws://user:hunter2@agent/",
        "ws://agent/ws?token=hunter2#x",
        "http://agent/?hunter2",
    ],
)
def test_secrets_of_urls_are_not_repeated(value: str) -> None:
    (problem,) = problems_of(RELAYPROXY_BACKEND=value)

    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("X-App-Version", "header:NAME or parameter:NAME is expected, such as header:X-App-Version"),
        ("parameter:", "header:NAME or parameter:NAME is expected, such as header:X-App-Version"),
        ("header:X App", "the name of an HTTP header such as X-Forwarded-User is expected"),
        (
            "header:Set-Cookie",
            "another header is expected: the value of one with this name is taken for a secret and never recorded",
        ),
    ],
)
def test_where_no_version_can_be_told_is_said(value: str, expected: str) -> None:
    assert problems_of(None, {"version_from": value}) == [f"version_from={value} (--version-from): {expected}"]


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (websocket_url, "wss://agent.example.com/ws?a=b&c"),
        (websocket_url, "ws://[::1]:9000"),
        (address, "[::1]:0"),
        (address, "relay.example.com:65535"),
        (header_name, "X-Forwarded-User"),
        (version_source, "parameter:app version"),
        (version_source, "header:X-App-Version"),
        (plain_name, "sales-2.eu_west"),
        (user_name, "alice+ops@example.com"),
        (password_hash, HASH),
        (trace_template, "https://traces.example.com/{trace_id}?from={started_ms}&to={ended_s}"),
    ],
)
def test_a_right_value_is_taken_as_it_is(check: Callable[[str], str], value: str) -> None:
    assert check(value) == value


@pytest.mark.parametrize(
    ("check", "value", "tidied"),
    [
        (public_url, "wss://relay.example.com/base//", "wss://relay.example.com/base"),
        (web_origin, "HTTP://Console.Example.com:80", "http://console.example.com"),
        (web_origin, "https://[::1]:8081/", "https://[::1]:8081"),
        (web_origin, "https://console.example.com:80", "https://console.example.com:80"),
        (networks, "10.1.2.3/16, ::1", "10.1.0.0/16,::1/128"),
        (sha256_hex, DIGEST.upper(), DIGEST),
    ],
)
def test_what_can_be_written_in_several_ways_is_kept_in_one(
    check: Callable[[str], str], value: str, tidied: str
) -> None:
    assert check(value) == tidied


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (websocket_url, "ws://agent.example.com:0", "a ws:// or wss:// URL such as"),
        (websocket_url, "wss://user@agent.example.com", "without user name and password"),
        (websocket_url, "wss://agent.example.com/ws#", "without a fragment"),
        (websocket_url, "wss://münchen.example.com", "non-ASCII"),
        (public_url, "wss://relay.example.com?", "without a query"),
        (web_origin, "https://console.example.com#top", "without a path"),
        (web_origin, "https://console.example.com:0", "without a path"),
        (address, "127.0.0.1:65536", "HOST:PORT"),
        (networks, "10.0.0.5;10.0.0.6", "IP addresses or networks"),
        (header_name, "X-User:", "name of an HTTP header"),
        (header_name, "X" * 65, "name of an HTTP header"),
        (plain_name, "-sales", "a name of 1 to 64"),
        (plain_name, "a" * 65, "a name of 1 to 64"),
        (user_name, "local", "another name than local"),
        (user_name, "@alice", "a name of 1 to 64"),
        (password_hash, HASH.replace("argon2id", "argon2i"), "relayproxy password"),
        (sha256_hex, DIGEST[:-1], "64 hex digits"),
        (trace_template, "https://{trace_id}.example.com/", "http:// or https:// URL such as"),
        (trace_template, "https://traces.example.com/{session_id}", "with {trace_id} in it"),
        (trace_template, "https://traces.example.com/{trace_id}/{span_id}", "{span_id} is none of {trace_id}, "),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_expected(check: Callable[[str], str], value: str, expected: str) -> None:
    with pytest.raises(ValueError) as refused:
        check(value)

    assert expected in str(refused.value)


@pytest.mark.parametrize("host", ["localhost", "LocalHost.", "a.localhost", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_what_only_this_machine_reaches_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "128.0.0.1", "localhost.example.com", "notlocalhost"])
def test_what_others_may_reach_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_an_ipv4_address_in_an_ipv6_one_is_what_it_is() -> None:
    assert [unmapped(host) for host in ("::FFFF:10.0.0.5", "FD00::1", "10.0.0.5", "Agent.Example.com")] == [
        "10.0.0.5",
        "fd00::1",
        "10.0.0.5",
        "agent.example.com",
    ]


def test_what_was_checked_can_be_split() -> None:
    assert split_address("[::1]:8080") == ("::1", 8080)
    assert split_address("relay.example.com:0") == ("relay.example.com", 0)
    assert split_networks("10.1.0.0/16,::1/128") == (ip_network("10.1.0.0/16"), ip_network("::1/128"))


@pytest.mark.parametrize("name", ["Authorization", "X-Twilio-Signature", "Cookie", "X-Api-Key", "x-session", "PASSWD"])
def test_a_header_that_may_hold_a_secret_is_known_by_its_name(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["Sec-WebSocket-Key", "X-App-Version", "Host", "X-Keyboard"])
def test_a_header_without_secrets_is_not_hidden(name: str) -> None:
    assert not is_secret(name)


def test_a_folder_need_not_be_there_and_a_file_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key.pem").touch()

    assert folder(Path("~/calls")) == tmp_path / "calls"
    assert file(Path("~/key.pem")) == tmp_path / "key.pem"
    for check, path in ((folder, "~/key.pem"), (file, "~/calls"), (file, "~")):
        with pytest.raises(ValueError, match=r"(folder|file) is expected"):
            check(Path(path))


@pytest.mark.parametrize("check", [folder, file])
@pytest.mark.parametrize("path", ["/" + "x" * 300, "a\0b", "~nobody-of-that-name/x", "calls/\udcff"])
def test_a_path_at_which_nobody_can_look_is_a_wrong_value(check: Callable[[Path], Path], path: str) -> None:
    with pytest.raises(ValueError, match="is expected"):
        check(Path(path))
