"""No answer of the API has changed, byte for byte."""

import difflib
import json
from pathlib import Path

from tests.golden import known
from tests.golden.stage import answered


async def test_every_answer_is_what_it_was(tmp_path: Path) -> None:
    was, is_now = known(), await answered(tmp_path)
    assert [answer.path for answer in is_now] == [answer.path for answer in was]
    for before, after in zip(was, is_now, strict=True):
        changes = difflib.unified_diff(_lines(before.body), _lines(after.body), n=8)
        assert after == before, "\n".join([before.path, *changes])


def _lines(body: str) -> list[str]:
    return json.dumps(json.loads(body), indent=1).splitlines()
