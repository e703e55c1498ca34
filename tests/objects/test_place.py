"""How places are written."""

from pathlib import Path

import pytest

from relayproxy.objects.place import Place, endpoint_of, root_of


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("s3://calls", "s3://calls"),
        ("s3://calls/", "s3://calls"),
        ("s3://calls/eu/relay.1/", "s3://calls/eu/relay.1"),
        ("file:///srv/calls", "file:///srv/calls"),
        ("/srv/calls/", "file:///srv/calls"),
        ("/srv/my calls", "file:///srv/my%20calls"),
        ("calls", f"{Path.cwd().as_uri()}/calls"),
        ("~/calls", f"{Path.home().as_uri()}/calls"),
    ],
)
def test_a_place_is_a_bucket_or_a_folder(text: str, root: str) -> None:
    assert root_of(text) == root
    assert root_of(root) == root


@pytest.mark.parametrize(
    "text",
    [
        "", "s3://", "s3://Calls", "s3:///x", "s3://key:secret@calls", "s3://calls//x", "s3://calls/../x", "s3://calls/a?b",
        "gs://calls", "https://calls.s3.amazonaws.com", "file://host/x", "file:///", "file:///x?y",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        root_of(text)


def test_the_parts_of_a_place() -> None:
    bucket = Place("s3://calls/eu/relay", "https://s3.example.com")
    assert (bucket.bucket, bucket.folder) == (("calls", "eu/relay"), None)
    assert str(bucket) == "s3://calls/eu/relay at https://s3.example.com"
    assert Place("s3://calls").bucket == ("calls", "")
    assert Place("file:///srv/my%20calls").folder == Path("/srv/my calls")


def test_an_endpoint_is_the_url_of_a_server_without_credentials_and_path() -> None:
    assert endpoint_of("http://127.0.0.1:8333/") == "http://127.0.0.1:8333"
    for wrong in (
        "127.0.0.1:8333",
        "ftp://x",
        "https://",
        "https://a:b@x",
        "https://x/bucket",
        "https://x:0",
        "http://x:y",
    ):
        with pytest.raises(ValueError, match="expected"):
            endpoint_of(wrong)
