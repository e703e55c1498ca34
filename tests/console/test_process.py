"""The console as a process of its own."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.running import running


def test_it_says_where_it_listens_and_stops_when_told(tmp_path: Path) -> None:
    with running("console", data_dir=tmp_path, console="127.0.0.1:0") as console:
        assert console.ready == f"console listening on http://127.0.0.1:{console.port}"
        assert console.port > 0
        with urllib.request.urlopen(f"{console.url}/healthz", timeout=PATIENCE) as response:
            assert json.load(response) == {"status": "ok"}
        with urllib.request.urlopen(f"{console.url}/sessions/live", timeout=PATIENCE) as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            assert console.stop() == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zz"])
def test_a_compressed_body_is_refused_without_a_look_into_it(tmp_path: Path, encoding: str) -> None:
    with running("console", data_dir=tmp_path, console="127.0.0.1:0") as console:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": encoding}
        request = urllib.request.Request(f"{console.url}/signin", b"\x78", headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=PATIENCE)
        with refused.value as answer:
            assert answer.status == 415
        assert console.stop() == 0
