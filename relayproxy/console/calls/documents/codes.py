"""Field types of codes that documents of more than one feature have: outcomes and Studio transitions.

Knows: the values of each, and their words.
Must not know: any document.

They are texts, since a database may have values of another version.
"""

from typing import Annotated

from relayproxy.console.http.documents import one_of
from relayproxy.conversation.model import Outcome, StudioTransition
from relayproxy.conversation.words import OUTCOMES

_MEANINGS = "; ".join(f"`{code}`: {words.meaning}" for code, words in OUTCOMES.items())

OutcomeCode = Annotated[str, one_of(Outcome, f"{_MEANINGS}.", "Outcome")]
TransitionCode = Annotated[str, one_of(StudioTransition)]
