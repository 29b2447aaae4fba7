"""Reads the settings from flags, the environment, a file and a folder, and says which one is wrong."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from worker.core.errors import BadInputError, BadSettingError
from worker.settings.env_file import read_env_file
from worker.settings.model import Settings
from worker.settings.names import CREDENTIAL, ENV_FILE, PREFIX, SECRETS_DIR
from worker.settings.secrets_dir import read_secrets_dir


def load(*, credential: bool = True, **flags: Any) -> Settings:
    """Loads the settings; `flags` that are None were not given. Raises `BadSettingError`.

    `credential`: whether the tokens are needed. Otherwise they are not read, and cannot be at fault.
    """
    environment = {name.upper(): value for name, value in os.environ.items() if value}
    _refuse_unknown(os.environ, "the environment")
    env_file = environment.get(ENV_FILE)
    from_file = {} if env_file is None else _from_file(Path(env_file), environment)
    secrets_dir = environment.get(SECRETS_DIR) or from_file.get("secrets_dir")
    withheld = frozenset() if credential else CREDENTIAL
    secrets: dict[str, str] = {}
    if secrets_dir is not None:
        fields = {
            name
            for name in Settings.model_fields.keys() - withheld
            if PREFIX + name.upper() not in environment
        }
        secrets = read_secrets_dir(Path(secrets_dir), SECRETS_DIR, fields, PREFIX)
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**{**secrets, **from_file, **given, **dict.fromkeys(withheld)})
    except ValidationError as error:
        raise BadSettingError(_explain(error, given, from_file)) from None
    except BadInputError as error:
        raise BadSettingError(str(error)) from None
    except OSError as error:
        # A setting names a file in a folder without search permission.
        raise BadSettingError(f"cannot read {error.filename} ({error.strerror}): correct its path") from None


def _from_file(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of the file that the environment does not set, by field name."""
    read = read_env_file(path, ENV_FILE)
    _refuse_unknown(read, str(path))
    lines = {name.upper(): value for name, value in read.items() if value}
    if ENV_FILE in lines:
        raise BadSettingError(f"{ENV_FILE} in {path}: a file names no other: remove the line")
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in lines.items()
        if name.startswith(PREFIX) and name not in environment
    }


def _refuse_unknown(names: Iterable[str], where: str) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in names:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise BadSettingError(
                f"unknown setting {name} in {where}: correct its spelling or remove it"
                f" (known: {', '.join(sorted(known))})"
            )


def _explain(error: ValidationError, flags: Mapping[str, Any], from_file: Mapping[str, str]) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    shown = f"--{name.replace('_', '-')}" if name in flags else PREFIX + name.upper()
    if name in from_file and name not in flags:
        shown += f" in the file that {ENV_FILE} names"
    return f"{shown}: {first['msg'].removeprefix('Value error, ')}"
