"""Exception clean-up: frees the frames that a failed handshake's exception refers to.

Knows: that an exception holds the frames it has passed through, with their variables.
Must not know: what failed.
"""

import traceback


def let_go(problem: BaseException) -> None:
    """Makes an exception and its causes forget where they come from. Some variable there usually holds the exception
    again, and all of it would stay until a garbage collection, which the relay puts off. For those that will not be
    logged with a traceback."""
    cause: BaseException | None = problem
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause.__traceback__ = None
        cause = cause.__cause__ or cause.__context__
