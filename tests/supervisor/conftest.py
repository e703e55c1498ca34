"""The backend that the supervisor's tests call."""

from tests.supervisor.serving import echo

__all__ = ["echo"]
