"""Loading of settings: from flags, environment and a TOML file, in that order of precedence, and back.

Knows: which source comes before which; how settings are passed on to another process.
Must not know: any one setting but users, whose names alone say something.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from relayproxy.errors import SettingError
from relayproxy.settings.messages import words
from relayproxy.settings.model import Settings
from relayproxy.settings.sources import (
    CONFIG_ENV,
    ENV_PREFIX,
    SECTIONS,
    TABLES,
    Layer,
    merge,
    read_environment,
    read_file,
)
from relayproxy.settings.sources import table_prefix as prefix
from relayproxy.settings.tables import User


def load(
    config_file: Path | None, overrides: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings in force: `overrides` (flags; None is "not given") before environment before file before defaults.

    Without `config_file`, RELAYPROXY_CONFIG names the file. Raises SettingError that lists every wrong setting.
    """
    environ = os.environ if environ is None else environ
    name = environ.get(CONFIG_ENV)
    file = config_file or (Path(name) if name else None)
    given = {key: value for key, value in overrides.items() if value is not None}
    layers = [
        Layer("default" if file is None else str(file), {} if file is None else read_file(file)),
        Layer("environment", read_environment(environ, Settings.model_fields)),
        Layer("flag", given),
    ]
    values: dict[str, Any] = {}
    for layer in layers:
        values = merge(values, layer.values)
    try:
        return Settings.model_validate(values)
    except ValidationError as invalid:
        problems = [words(error, layers, Settings.model_fields) for error in invalid.errors()]
    raise SettingError("\n  ".join(problems if len(problems) == 1 else ["these settings are wrong:", *problems]))


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment variables from which `load` makes equal settings."""
    given = settings.model_dump(mode="json", exclude_defaults=True)
    tables = {table: given.pop(table, {}) for table in TABLES}
    # A name without any value would otherwise get lost.
    bare = [user for user in tables["users"].values() if not user]
    for user in bare:
        user["role"] = User().role
    named = {
        f"{prefix(table)}{name}__{key.upper()}": json.dumps(value) if isinstance(value, dict) else str(value)
        for table, names in tables.items()
        for name, row in names.items()
        for key, value in row.items()
        if value is not None
    }
    for section in SECTIONS:
        values = given.pop(section, {})
        named |= {prefix(section) + key.upper(): str(value) for key, value in values.items() if value is not None}
    flat = {ENV_PREFIX + key.upper(): str(value) for key, value in given.items()}
    return flat | named
