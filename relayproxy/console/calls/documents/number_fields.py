"""Numbers as fields of the API's documents.

Knows: which type each number has in the API, and its value there.
Must not know: which numbers there are.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

from msgspec import Meta

from relayproxy.console.http.documents import Count, Document, with_fields
from relayproxy.conversation.measures.number import Number, Of
from relayproxy.conversation.totals import Spread

D = TypeVar("D", bound=Document)


class SpreadDocument(Document, frozen=True):
    """The distribution of a number over turns or messages."""

    p50: Annotated[float | None, Meta(description="Median, nearest rank.")]
    p95: Annotated[float | None, Meta(description="95th percentile, nearest rank.")]
    max: float | None
    n: Annotated[Count, Meta(description="How many there are.")]
    excluded: Annotated[dict[str, Count], Meta(description="How many are not in `n`, by why; see NullReason.")]


_TYPES: dict[Any, Any] = {
    int: Count,
    Spread: SpreadDocument,
    dict[str, int]: dict[str, Count],
}
"""Of numbers in the API, by what they are in the conversation, where it is not the same."""


def with_numbers(numbers: Iterable[Number[Any]], behind: Mapping[str, str]) -> Callable[[type[D]], type[D]]:
    """Makes the numbers of a table fields of a document; see `with_fields`."""
    return with_fields([(number.name, _type(number)) for number in numbers], behind)


def number_reader(numbers: Iterable[Number[Of]]) -> Callable[[Of], dict[str, Any]]:
    """A function that reads the numbers of a table as fields of a document."""
    reads = [(number.name, _read(number)) for number in numbers]
    return lambda of: {name: read(of) for name, read in reads}


def _type(number: Number[Any]) -> Any:
    more = {"deprecated": True} if number.replaced_by else None
    meta = Meta(description=number.description, extra_json_schema=more)
    return Annotated[_TYPES.get(number.type, number.type), meta]


def _read(number: Number[Of]) -> Callable[[Of], Any]:
    # Found here and not at each call: the turns of a long session are thousands.
    read = number.value if number.nanoseconds else number.read
    return (lambda of: _spread(read(of))) if number.type is Spread else read


def _spread(spread: Any) -> SpreadDocument:
    return SpreadDocument(p50=spread.p50_ms, p95=spread.p95_ms, max=spread.max_ms, n=spread.n, excluded=spread.excluded)
