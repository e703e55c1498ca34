"""Schemas of numbers over many calls, and of what filters can be made of.

Knows: every field of these in the API, as `summary_document`, `overview` and `listing` write them.
Must not know: endpoints; where the values come from.
"""

from relayproxy.console.schemas import Schema, array, boolean, count, nullable, obj, text, whole

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
    "Facets": FACETS,
    "Completion": COMPLETION,
}
