"""Settings from flags, environment and file, and back into the environment."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from relayproxy.settings.loading import as_environment, load
from relayproxy.settings.model import Settings
from tests.settings.problems import DIGEST, HASH


def test_nothing_given_is_the_defaults() -> None:
    assert load(None, {}, {}) == Settings()


def test_the_environment_can_name_the_file(config: Path) -> None:
    config.write_text("connect_timeout = 7\n")

    assert load(None, {}, {"RELAYPROXY_CONFIG": str(config)}).connect_timeout == 7


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
