"""Identifies the database in a file, for embedded engines: it is the same however the path is written."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from dbfleet.errors import Unavailable


def identity(engine: str, target: str, path: str) -> str:
    """The identity of the file: its device and inode. Unavailable if the file is gone."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise Unavailable(f"{path} is gone: {error.strerror}", engine=engine, target=target) from error
    return f"{engine} {status.st_dev} {status.st_ino}"


def places(file: str, names: Sequence[str]) -> list[str]:
    """Where tables of these names are in the file, for an engine that ignores the case of ASCII letters only."""
    return [f"{file} {re.sub('[A-Z]+', lambda letters: letters[0].lower(), name)}" for name in names]
