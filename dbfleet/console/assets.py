"""Links to static files: each has the hash of its file's content, so that browsers keep it for a year and a new version
is another link. Nothing is collected anywhere: the files are served from the packages that bring them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage

_links: Final[dict[str, str]] = {}
"""A file is read once in a process."""


class Hashed(StaticFilesStorage):
    """`/static/console.css?v=1f0c…`"""

    def __init__(self) -> None:
        super().__init__(location=str(Path(__file__).parent / "static"))

    def url(self, name: str | None) -> str:
        """The link to a file. FileNotFoundError where there is none: a page must not link to nothing."""
        name = str(name)
        if name not in _links:
            _links[name] = f"{super().url(name)}?v={_hash(name)}"
        return _links[name]


def _hash(name: str) -> str:
    found = finders.find(name)
    if found is None:
        raise FileNotFoundError(name)
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:12]
