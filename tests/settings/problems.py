"""What is said of settings that are wrong."""

from pathlib import Path

import pytest

from relayproxy.errors import SettingError
from relayproxy.settings.loading import load


def problems_of(config: Path | None = None, flags: dict[str, object] | None = None, **environ: str) -> list[str]:
    with pytest.raises(SettingError) as caught:
        load(config, flags or {}, environ)
    lines = str(caught.value).split("\n  ")
    return lines if len(lines) == 1 else lines[1:]


HASH = "$argon2id$v=19$m=32768,t=3,p=1$pvjHBceIw3M3aZ13flr7nQ$pjdfqC7FapYd4Qmg3u7kPqn4kBL93MUsHE6acM0oaq8"


DIGEST = "89bca43f20e1825ec8293b02479d3f79ca7ea23c9d748a366cd795b32191af04"
