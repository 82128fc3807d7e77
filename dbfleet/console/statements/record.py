"""How a statement stands on record. Needs no Django: jobs use it too."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from dbfleet.errors import UsageError

MOST_CHARACTERS: Final = 1_000_000
"""What the console takes as a statement; `dbfleet query --file` takes more."""
_ON_RECORD: Final = 100_000
"""So many characters of a text are kept in the chain; of a longer one also its hash and its length."""


def text_on_record(text: str) -> dict[str, Any]:
    """A statement's text as the chain keeps it."""
    if len(text) <= _ON_RECORD:
        return {"text": text}
    whole = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return {"text": text[:_ON_RECORD], "characters": len(text), "sha256": whole}


def is_kept(text: str) -> bool:
    """Whether the control database keeps every character of a text: not NUL, nor half of a pair."""
    return not re.search("[\ud800-\udfff\0]", text)


def check_text(text: object) -> str:
    """The statement. UsageError where it is empty, too long, or has characters that no engine's text has."""
    if not isinstance(text, str) or not text.strip():
        raise UsageError("the statement is empty")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(
            f"the statement has {len(text):,} characters, and the console takes {MOST_CHARACTERS:,}",
            hint="dbfleet query TARGET --file FILE takes more",
        )
    if not is_kept(text):
        raise UsageError("the statement holds a NUL or half a character")
    return text
