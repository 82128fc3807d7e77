"""How wide a text is on a terminal, and how it is written there safely."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_NAMES: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
# Joiners are not printable by themselves, but are kept: emoji and several scripts need them.
_JOINERS: Final = "\u200c\u200d"


def shown(text: str) -> str:
    """`text` with every character escaped that would move the cursor, change colours or reorder the screen: \\n, \\x1b,
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
    """The width of `text` in terminal cells: East Asian wide characters and emoji take two cells, marks and joined
    characters none."""
    if text.isascii():
        return len(text)
    total = 0
    before = ""
    for character in text:
        if before == "\u200d" and ord(character) > 0x2000:
            pass  # joined to the emoji before it, as one picture
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
    """`text` filled with spaces to this number of cells; `right` aligns it to the right."""
    if text.isascii():
        return text.rjust(cells) if right else text.ljust(cells)
    space = " " * (cells - width(text))
    return space + text if right else text + space


def wrap(text: str, cells: int) -> list[str]:
    """`text` in lines of at most this number of cells; nothing is left out. A line breaks after its last space, and
    inside a word only if the word is wider than a line."""
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
    """How many characters fit into a line; at least one. A mark is not separated from its character."""
    if text.isascii():
        return min(len(text), cells)
    total = end = 0
    for end, character in enumerate(text):
        # The parts of a joined picture are measured one by one. The sum is too wide, which is safe; no picture is
        # split at a joiner.
        step = _cells(character)
        if step and total + step > cells and end and text[end - 1] != "\u200d":
            return end
        total += step
    return end + 1
