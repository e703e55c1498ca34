"""OpenTelemetry's command that instruments a Python server without a change of its code.

Knows: its variables, and that it sends gRPC unless told otherwise.
Must not know: the servers.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def instrumented(command: Sequence[str], endpoint: str) -> tuple[list[str], dict[str, str]]:
    """The command and the environment that have a server send its spans to `endpoint` over OTLP/HTTP soon."""
    settings = {
        "OTEL_SERVICE_NAME": "agent",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "20",
    }
    return [str(Path(sys.executable).with_name("opentelemetry-instrument")), *command], {**os.environ, **settings}
