"""Which database a file is, for embedded engines: however its path was spelled, it is the same file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from dbfleet.errors import Unavailable


def identity(engine: str, target: str, path: str) -> str:
    """The file itself: its device and inode. Unavailable where it is gone."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise Unavailable(f"{path} is gone: {error.strerror}", engine=engine, target=target) from error
    return f"{engine} {found.st_dev} {found.st_ino}"


def places(file: str, names: Sequence[str]) -> list[str]:
    """Where tables are in the file, for an engine to which ASCII's letters, and no others, are the same in capitals."""
    return [f"{file} {re.sub('[A-Z]+', lambda found: found[0].lower(), name)}" for name in names]
