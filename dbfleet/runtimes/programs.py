"""Where a local server's programs are.

Rule: for each of the spec's choices, in order, the first folder that holds all of its programs wins. The folders are,
in order: the one whose programs made the data; the one inside an installed package (who ran
`pip install 'dbfleet[embedded]'` wants that server); those of PATH; the usual places, newest version first.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dbfleet.spec import LocalServer


def find(local: LocalServer, recorded: str | None = None) -> Mapping[str, Path] | None:
    """The programs of the first choice that is installed, by name; None where none is."""
    for names in local.choices:
        for folder in _folders(local, recorded):
            programs = {name: folder / name for name in names}
            if all(os.access(path, os.X_OK) and path.is_file() for path in programs.values()):
                return programs
    return None


def _folders(local: LocalServer, recorded: str | None) -> Iterator[Path]:
    if recorded:
        yield Path(recorded)
    if local.bundled and (bundled := local.bundled()):
        yield bundled
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if os.path.isabs(folder):
            yield Path(folder)
    for pattern in local.places:
        yield from map(Path, sorted(glob.glob(os.path.expanduser(pattern)), key=_version, reverse=True))


def _version(path: str) -> list[tuple[int, str]]:
    """A sort key that puts /usr/lib/postgresql/9.6/bin before …/15/bin."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path)]
