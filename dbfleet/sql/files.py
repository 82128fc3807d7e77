"""The database in a file, for embedded engines: where it is, and its identity, which is the same however the path is
written."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from dbfleet.abilities import Identifies, Locates
from dbfleet.adapter import Adapter
from dbfleet.errors import Unavailable, UsageError
from dbfleet.target import Target


def path(target: Target, title: str, options: Collection[str] = ()) -> Path:
    """The absolute path of the file that the URL names. UsageError where it names none, or has another option than
    these; Unavailable if there is no such file and the target is not one that makes it."""
    engine = target.engine
    if not target.database:
        hint = f"{engine}:///relative/file.db or {engine}:////absolute/file.db"
        raise UsageError(f"a {title} URL needs a path", hint=hint)
    for name in target.options:
        if name not in options:
            raise UsageError(f"a {title} URL has no option {name}", hint=f"it has {', '.join(options) or 'none'}")
    found = Path(target.database).absolute()
    if not found.exists() and not target.create:
        hint = "seed, load and copy make it when it is missing"
        raise Unavailable(f"no file {found}", engine=engine, target=target.name, hint=hint)
    return found


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


class InFile(Identifies, Locates, Adapter):
    """For an adapter whose database is the file that the target's URL names."""

    def identity(self) -> str:
        """The file itself: its device and inode. Unavailable if the adapter is closed."""
        self.ping()
        return identity(self.spec.name, self.target.name, str(self.target.database))

    def places(self, names: Sequence[str]) -> Sequence[str]:
        return places(self.identity(), names)
