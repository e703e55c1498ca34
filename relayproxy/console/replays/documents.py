"""API documents of replays.

Knows: every field name of these.
Must not know: HTTP, pages; how a call is made again.
"""

import time
from typing import Annotated

from msgspec import Meta

from relayproxy.console.calls.documents.documents import RecordingId
from relayproxy.console.http.documents import Document
from relayproxy.console.replays.running import Run, State


class NewReplayDocument(Document, frozen=True, forbid_unknown_fields=False):
    """Where to, and how."""

    target: Annotated[str, Meta(description="Name of a table `[replay_targets.NAME]`.")]
    fill: Annotated[bool, Meta(description="Put test values in the place of what is masked.")] = False


class ReplayDocument(Document, frozen=True):
    """A replay. It is known until the console ends, or many others have been ordered."""

    id: str
    session: Annotated[RecordingId, Meta(description="The recorded session.")]
    target: str
    actor: Annotated[str, Meta(description="Who ordered it.")]
    state: Annotated[
        State,
        Meta(
            description="`failed` and `stopped` ones leave nothing; of one that is `over`, `made` is kept. One that is "
            "`being_kept` cannot be stopped any more."
        ),
    ]
    seconds: Annotated[float, Meta(ge=0, description="For how long it has been in that state.")]
    made: Annotated[RecordingId | None, Meta(description="The session that came of it, once it is over.")]
    problem: Annotated[str | None, Meta(description="Why it failed.")]


def replay_document(run: Run) -> ReplayDocument:
    """The document of a replay."""
    return ReplayDocument(
        id=run.id,
        session=run.session,
        target=run.target,
        actor=run.actor,
        state=run.state,
        seconds=round(time.monotonic() - run.since, 3),
        made=run.made,
        problem=run.problem or None,
    )
