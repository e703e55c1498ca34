"""Exception clean-up: frees the frames that a failed handshake's exception refers to.

Knows: that an exception holds the frames it has passed through, with their variables.
Must not know: what failed.
"""

import traceback


def let_go(problem: BaseException) -> None:
    """Removes the tracebacks of an exception and its causes, and clears their frames. A variable of a frame often
    refers to the exception, and such a cycle stays until a garbage collection, which the relay puts off. Not for an
    exception that is to be logged with its traceback."""
    cause: BaseException | None = problem
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause.__traceback__ = None
        cause = cause.__cause__ or cause.__context__
