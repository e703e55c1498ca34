"""`python -m tests.golden`: writes the answers anew."""

import asyncio
import tempfile
from pathlib import Path

from tests.golden import write
from tests.golden.stage import answered

with tempfile.TemporaryDirectory() as folder:
    write(asyncio.run(answered(Path(folder))))
