"""Remarks: what a check says of one value of a flow."""

from typing import Literal, NamedTuple

from relayproxy.doctor.studio.flow import Path

Severity = Literal["error", "warning", "note"]
"""`error`: calls or the flow fail. `warning`: something is not as it seems. `note`: could not be checked, or is to be
known; a flow with notes alone is in order."""


class Remark(NamedTuple):
    """`text` says what is so and what to do; it follows the name of a widget."""

    severity: Severity
    code: str
    path: Path
    text: str
