"""Values that are too long for a cell of the page, kept in files for a while, so that they can be shown whole without
asking again.

They are in a folder of this machine's temporary ones, for its owner alone, for KEPT_S; of one question at most
QUESTION_BYTES, of all ALL_BYTES. A value that has no room there can be had by an export alone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final
from uuid import UUID

KEPT_S: Final = 900.0
QUESTION_BYTES: Final = 32 << 20
ALL_BYTES: Final = 256 << 20


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"dbfleet-web-{os.getuid()}"


class Keeper:
    """Keeps the values of one question."""

    def __init__(self, question: UUID) -> None:
        self._folder = _folder() / str(question)
        self._left = -1
        self._number = 0

    def keep(self, text: str) -> int | None:
        """The number under which the value is kept; None where there is no room."""
        data = text.encode("utf-8", "backslashreplace")
        try:
            if self._left < 0:
                self._left = min(QUESTION_BYTES, ALL_BYTES - _swept())
                self._folder.mkdir(mode=0o700, exist_ok=True)
            if len(data) > self._left:
                return None
            self._number += 1
            (self._folder / str(self._number)).write_bytes(data)
        except OSError:
            return None
        self._left -= len(data)
        return self._number


def path(question: UUID, number: int) -> Path | None:
    """The file with the value; None where it is kept no longer."""
    file = _folder() / str(question) / str(number)
    return file if file.is_file() else None


def _swept() -> int:
    """The bytes that are kept, after what is old has been removed."""
    top = _folder()
    top.mkdir(mode=0o700, exist_ok=True)
    if top.stat().st_uid != os.getuid():
        raise PermissionError("the folder is somebody else's")
    total = 0
    for each in top.iterdir():
        if time.time() - each.stat().st_mtime > KEPT_S:
            shutil.rmtree(each, ignore_errors=True)
        else:
            total += sum(file.stat().st_size for file in each.iterdir())
    return total
