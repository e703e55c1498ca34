"""`docs/faults.md`, made of the table: `python -m tests.faults.page` prints it.

Knows: the page's words around the table.
Must not know: how a case is tested.
"""

import textwrap
from collections.abc import Iterator

from tests.faults.cases import CASES, GROUPS, Case

_HEAD = """\
# Faults

What can go wrong around relayproxy, and the tests that show what then happens. Where a fault can be seen there, a test
looks at three things: the bytes at both ends, what is recorded and shown, and what operators see (log, Health, counts).

Tests run with every other test (`make test`). **Severe** ones take long, or need root or other programs; `make faults`
runs every case, severe ones included, and prints which held. What the machine cannot do is said and not run.

Beside them:

* `make conformance` runs the 301 cases of Autobahn's test suite that are not about compression, as Twilio and as
  backend, against a peer alone and against the same peer behind the relay, and compares them case by case. The suite
  needs Python 2.7; one on the path, one of pyenv, or the one that `PYTHON27` names is used, and without one it says so.
* `make fuzz` feeds frame decoding, the journal's reader, the fold, signatures, the filter language, settings,
  recordings and redaction with what a coverage-guided fuzzer makes up. Hypothesis does the same on a small scale in
  every run of the tests.
* `make soak` carries calls for an hour while the recorder is killed and stands still, the database is locked and
  strangers come. It holds what each call sent against what is stored of it or counted as lost, and bounds what each
  process may grow by over the second half of the time: by its slope, 4 MiB of memory of its own and 4 descriptors.
"""


def page() -> str:
    """The page as it should be, Markdown."""
    parts = [_HEAD]
    for letter, title in GROUPS.items():
        parts.append(f"\n## {letter}: {title}\n")
        parts += [line for case in CASES if case.id[0] == letter for line in _case(case)]
    return "\n".join(parts)


def _case(case: Case) -> Iterator[str]:
    yield f"### {case.id}: {case.fault}\n"
    if case.note:
        yield textwrap.fill(case.note, 120, break_long_words=False, break_on_hyphens=False) + "\n"
    needs = f" (needs {', '.join(case.needs)})" if case.needs else ""
    yield from (f"* {_said(test)}" for test in case.tests)
    yield from (f"* severe{needs}: {_said(test)}" for test in case.severe)
    if case.tests or case.severe:
        yield ""


def _said(test: str) -> str:
    file, _, name = test.partition("::")
    words, _, example = name.removeprefix("test_").partition("[")
    told = words.replace("_", " ") + (f": {example.removesuffix(']')}" if example else "")
    return f"{told} (`{file}`)"


if __name__ == "__main__":
    print(page(), end="")
