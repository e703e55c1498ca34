"""Schemas of numbers over many calls, and of what filters can be made of.

Knows: every field of these in the API, as `summary_document`, `overview` and `listing` write them.
Must not know: endpoints; where the values come from.
"""

from dataclasses import fields

from relayproxy.console.insight.comparison import MEASURES
from relayproxy.console.insight.selection import Span
from relayproxy.console.insight.statistics import Significance
from relayproxy.console.insight.summary import ENDINGS, LISTED, VALUES
from relayproxy.console.schemas import (
    Fields,
    Schema,
    array,
    boolean,
    count,
    integer,
    mapping,
    meaning,
    moment,
    named,
    nullable,
    number,
    obj,
    one_of,
    row,
    text,
    whole,
)
from relayproxy.conversation.model import StudioTransition
from relayproxy.store.read.insight import Sums

_SUMS = {
    "calls": "",
    "turns": "",
    "responses": "Turns with speakable output.",
    "interrupted_responses": "Those of them that were interrupted.",
    "false_interruptions": meaning("session", "false_interruptions"),
    "unanswered": meaning("session", "unanswered"),
    "stale_chunks": "Texts sent for replies that had been cut off.",
    "stale_calls": "Calls with any of these.",
    "unanswered_calls": "Calls with any unanswered turn.",
    "asked_again": meaning("session", "asked_again"),
    "failed": "Calls whose Studio transition is `failed`.",
    "ended": "Calls that are over.",
}
SUMS: Fields = {field.name: count(_SUMS[field.name]) for field in fields(Sums)}

LATENCIES = obj(
    {
        "p50": nullable(integer()),
        "p95": nullable(integer()),
        "max": nullable(integer()),
        "n": count("Turns that have one."),
        "excluded": mapping(count(), "How many are not in `n`, by why; as null_reason of a turn."),
    },
    meaning("turn", "response_latency_ms"),
)

FIGURE = obj(
    {
        "value": nullable(number()),
        "n": count("How many it stands on."),
        "interval": nullable(row(number(), number()), "Where it may as well lie, with 95 % confidence."),
    }
)

RANGE = obj(
    {
        **moment("since", "Calls that began from here on."),
        **moment("until", "Calls that began before."),
        "span": one_of(
            Span,
            "Whose range it is: `given` by the filter. As it gives none: since the `first` call; the last `week`, as "
            "there have been calls for longer; `all`, as there was nothing in that week.",
        ),
    },
    "Which time it is about.",
)
CALLS = obj({"matching": count("That meet the filter."), "counted": count("The newest of them, which are read.")})
STEP_S = count("Length of a step, seconds.")

STEP = obj(
    {
        **moment("at", "Beginning of the step."),
        "calls": obj({ending: count() for ending in ENDINGS}, "Calls that began within it, by how they ended."),
        "response_latency_ms": named("Latencies"),
    },
    "A step of time.",
)

VERSIONS = array(
    obj({"version": text(), **moment("first_at", "When the first call that it answered began.")}),
    "Versions of the backend (setting `version_from`) that calls have within the range and none had in as long a time "
    "before it.",
)

_PLACE = obj(
    {
        "id": text("The recording's own id."),
        "turn": nullable(count("Number of the turn; null for a call.")),
        **moment("started_at", "When the call began."),
        "route": text(),
        "from": nullable(text()),
        "to": nullable(text()),
        "outcome": nullable(named("Outcome")),
        "failed": boolean("The Studio transition is `failed`."),
        "errors": count(),
        "warnings": count(),
        "unanswered": count(),
        "longest_wait_ms": nullable(integer("Of the turn; of a call, that of all turns.")),
        "response_latency_ms": nullable(integer("Of the turn; of a call, its slowest.")),
    },
    "A call or turn to be looked at.",
)

_VALUE = obj(
    {
        "value": nullable(text("Null: the calls without any.")),
        **SUMS,
        "response_latency_ms": named("Latencies"),
    }
)

INSIGHT = obj(
    {
        "q": text("The filter as it was read."),
        "range": RANGE,
        "calls": CALLS,
        "latency_exact": boolean("Latencies are exact to the millisecond; else within 1 %."),
        "numbers": obj(
            {one.code: {**named("Figure"), "description": f"{one.name}. {one.meaning}"} for one in MEASURES},
            "Latencies in milliseconds, rates as shares from 0 to 1.",
        ),
        "sums": obj(SUMS),
        "response_latency_ms": named("Latencies"),
        "histogram": array(
            obj({"up_to_ms": nullable(integer("Null: longer than all edges.")), "turns": count()}),
            "Response latencies by size.",
        ),
        "step_s": STEP_S,
        "over_time": array(named("Step")),
        "versions": VERSIONS,
        "endings": array(
            obj(
                {
                    "outcome": nullable(named("Outcome")),
                    "studio_transition": nullable(one_of(StudioTransition)),
                    "calls": count(),
                }
            ),
            "How calls ended; both null: they live.",
        ),
        "by": nullable(
            obj(
                {
                    "field": text(),
                    "items": array(_VALUE, f"The {VALUES} values with the most calls."),
                    "more": boolean("There are more values."),
                },
                "The same for each value of the field that was asked for.",
            )
        ),
        "slowest_turns": array(_PLACE, f"At most {LISTED}, by how long the caller waited, answered or not."),
        "worst_calls": array(_PLACE, f"At most {LISTED}: failed ones first, then by errors and unanswered turns."),
    },
    "The numbers of the calls that meet a filter.",
)

COMPARISON = obj(
    {
        "a": named("Insight"),
        "b": named("Insight"),
        "differences": array(
            obj(
                {
                    "code": one_of(tuple(one.code for one in MEASURES)),
                    "a": named("Figure"),
                    "b": named("Figure"),
                    "by": nullable(number("b less a; less is better.")),
                    "share": nullable(number("That, of a.")),
                    "verdict": one_of(
                        Significance,
                        "What became of it from a to b. `unclear`: chance alone may make such a difference; `few`: too "
                        "few to say; `none`: one side has no number.",
                    ),
                }
            )
        ),
    },
    "Two selections side by side.",
)

OVERVIEW = whole(named("Step"), range=RANGE, calls=CALLS, step_s=STEP_S, versions=VERSIONS)

FACETS = whole(
    obj(
        {
            "field": text("As a filter names it."),
            "title": text(),
            "sessions": count(
                "That the values were counted in: those that match the filter, but for its condition on this field."
            ),
            "more": count("Further values; all that were counted are given for the field that `more` names."),
            "values": array(
                obj(
                    {
                        "value": text(),
                        "name": text("The value in words."),
                        "count": nullable(count("Null for a chosen one that is not among the most frequent.")),
                        "chosen": boolean("The filter asks for it."),
                        "q": text("The filter with it added, or taken away when chosen."),
                    }
                )
            ),
        }
    ),
    sessions=count("That match the filter, as far as they were counted."),
    complete=boolean("False when only the newest were counted."),
)

COMPLETION = whole(
    obj(
        {
            "insert": text("What goes in place of the characters from `start` to `end`."),
            "label": text(),
            "hint": text("What it means; may be empty."),
            "count": nullable(count("Sessions that have it.")),
            "done": boolean("Nothing more belongs to that token."),
        }
    ),
    start=count("Where the token begins that is being written."),
    end=count("Before where it ends."),
)

SCHEMAS: dict[str, Schema] = {
    "Latencies": LATENCIES,
    "Figure": FIGURE,
    "Step": STEP,
    "Insight": INSIGHT,
    "Comparison": COMPARISON,
    "Overview": OVERVIEW,
    "Facets": FACETS,
    "Completion": COMPLETION,
}
