"""What is found where a reference to a secret leads."""

from pathlib import Path

import pytest

from relayproxy.settings.references import MAX_SECRET, secret_at, secret_reference, variables


def test_a_secret_is_in_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("nightingale\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TOKEN", "nightingale")

    assert secret_at("env:TOKEN", "the token") == "nightingale"
    assert secret_at("env:TOKEN", "the token", {"TOKEN": " lark "}) == "lark"
    assert secret_at(f"file:{tmp_path}/token", "the token", {}) == "nightingale"
    assert secret_at("file:~/token", "the token", {}) == "nightingale"
    assert secret_at("KEY=env:TOKEN", "the token") == "nightingale"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" \n", "is empty; the token is expected in it"),
        (b"nightingale\nlark\n", "has several lines or odd characters; the token alone is expected in it"),
        (b"nightingale\xff", "has several lines or odd characters; the token alone is expected in it"),
        (b"nightingale" * MAX_SECRET, "has more than 4096 bytes; a file that holds the token alone is expected"),
    ],
)
def test_what_is_no_secret_is_refused_and_not_repeated(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(ValueError, match="expected") as refused:
        secret_at(f"file:{file}", "the token", {})

    assert str(refused.value) == f"{file} {said}"


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"^the environment variable NONE is expected, and it is not set$"):
        secret_at("env:NONE", "the token", {})
    with pytest.raises(ValueError, match=r"^a readable file with the token is expected at /nowhere/t \(No such file"):
        secret_at("file:/nowhere/t", "the token", {})


@pytest.mark.parametrize("value", ["nightingale", "K=env:T", "env:T,env:U"])
def test_one_reference_is_one_without_the_id_of_a_key(value: str) -> None:
    assert secret_reference("env:T") == "env:T"
    with pytest.raises(ValueError, match="expected") as refused:
        secret_reference(value)
    assert "nightingale" not in str(refused.value)


def test_the_variables_of_references_are_named() -> None:
    assert variables(["env:A", "K=env:B", "file:/c"]) == {"A", "B"}
