"""How wide text is on a terminal, and what of it may be sent there."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_NAMES: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
# Joiners are part of emoji and of several scripts: kept, though not printable by themselves.
_JOINERS: Final = "\u200c\u200d"


def shown(text: str) -> str:
    """`text` with what would move the cursor, change colours or reorder what is on screen written out: \\n, \\x1b,
    \\u202e. Spaces of every width stay."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs":
        return character
    if character in _NAMES:
        return _NAMES[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def width(text: str) -> int:
    """Terminal cells: two for East Asian wide characters and emoji, none for marks and for what a joiner joins."""
    if text.isascii():
        return len(text)
    total = 0
    before = ""
    for character in text:
        if before == "\u200d" and ord(character) > 0x2000:
            pass  # joined to the emoji before it: one picture
        elif character == "\ufe0f" and before and _cells(before) == 1 and ord(before) > 0x7F:
            total += 1  # shown as emoji, not as text
        elif not ("\U0001f3fb" <= character <= "\U0001f3ff" and before and _cells(before) == 2):
            total += _cells(character)
        before = character
    return total


@lru_cache(maxsize=4096)
def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf") and character != "\u00ad":
        return 0
    if "\u1160" <= character <= "\u11ff":  # the vowels and finals of a Hangul syllable
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """`text` filled with spaces to so many cells; to the right edge where `right`."""
    if text.isascii():
        return text.rjust(cells) if right else text.ljust(cells)
    space = " " * (cells - width(text))
    return space + text if right else text + space


def wrap(text: str, cells: int) -> list[str]:
    """`text` in lines of at most so many cells, nothing left out: after the last space of a line that is full, and
    inside a word only where that alone is wider."""
    if text.isascii() and len(text) <= cells:
        return [text]
    lines = []
    while text:
        end = _fitting(text, cells)
        if end < len(text):
            space = text.rfind(" ", 0, end) + 1
            end = space or end
        lines.append(text[:end])
        text = text[end:]
    return lines or [""]


def _fitting(text: str, cells: int) -> int:
    """How many characters fit; at least one, and no mark parted from what it stands on."""
    if text.isascii():
        return min(len(text), cells)
    total = end = 0
    for end, character in enumerate(text):
        # Joined pictures are measured piece by piece here: too wide is safe, and none is parted at a joiner.
        step = _cells(character)
        if step and total + step > cells and end and text[end - 1] != "\u200d":
            return end
        total += step
    return end + 1
