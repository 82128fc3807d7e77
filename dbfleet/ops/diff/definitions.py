"""What two sides of one engine are made of besides their rows, and where that is not the same: types, defaults, checks,
keys, references, indexes, comments, and what the database has besides its collections.

Rule: it is told, and is no difference of the rows: the answer is of these alone, as a copy that is only read may well
lack an index. Where counters stand is not told, for they move with every row. What is said is what the engine's own
words say (outline.py): two releases may write one and the same otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from dbfleet.outline import STAYS, Outline, Step, spelled

MOST: Final = 20
"""As many are told one by one."""
_MOVES: Final = ("counter",)
_FEW, _WIDE = 4, 120
_OPENS, _CLOSES, _QUOTES = "([{", ")]}", "'\"`"

Made = Mapping[tuple[str, str], Counter[str]]


def unlike(a: Outline, b: Outline, names: tuple[str, str]) -> list[str]:
    """What the two outlines do not have in common, in words; `names` are those of the sides."""
    found = list(_told(a, b, names))
    more = len(found) - MOST
    return found if more <= 0 else [*found[:MOST], f"and {more} more that the two are not both made of"]


def _told(a: Outline, b: Outline, names: tuple[str, str]) -> Iterator[str]:
    mine, yours = _made(a), _made(b)
    for key in dict.fromkeys((*mine, *yours)):
        if key not in yours or key not in mine:
            yield f"{_words(*key)} is only in {names[key not in mine]}"
        elif mine[key] != yours[key]:
            texts = ["\n".join((one - other).elements()) for one, other in _both(mine[key], yours[key])]
            yield from (f"{_words(*key)}: {text}" for text in _otherwise(texts[0], texts[1], names))
    stays = [Counter(text.removesuffix(STAYS) for text in each.left) for each in (a, b)]
    for side, (one, other) in enumerate(_both(stays[0], stays[1])):
        yield from (f"{text} is only in {names[side]}" for text in (one - other).elements())


def _both(one: Counter[str], other: Counter[str]) -> tuple[tuple[Counter[str], Counter[str]], ...]:
    return (one, other), (other, one)


def _made(outline: Outline) -> Made:
    made: dict[tuple[str, str], Counter[str]] = {}
    for step in outline.steps:
        if step.kind not in _MOVES:
            made.setdefault((step.collection, step.words), Counter())[_text(step)] += 1
    return made


def _text(step: Step) -> str:
    return spelled(step.text, lambda mark, space, name: f"{space}.{name}" if space else name)


def _words(collection: str, words: str) -> str:
    return words if not collection or collection in words.split() else f"{collection}: {words}"


def _otherwise(mine: str, yours: str, names: tuple[str, str]) -> Iterator[str]:
    """How two texts differ, part by part where there are few."""
    parts = [Counter(_parts(text)) for text in (mine, yours)]
    only = [list((one - other).elements()) for one, other in _both(parts[0], parts[1])]
    if not 0 < max(map(len, only)) <= _FEW or any(len(part) > _WIDE for each in only for part in each):
        yield f"it is another one in {names[1]}"
        return
    for part in only[0]:
        other = next((each for each in only[1] if each.partition(" ")[0] == part.partition(" ")[0]), None)
        if other is None:
            yield f"{part} is only in {names[0]}"
        else:
            only[1].remove(other)
            yield f"{part} is {other} in {names[1]}"
    yield from (f"{part} is only in {names[1]}" for part in only[1])


def _parts(text: str) -> Iterator[str]:
    """The text at its outer commas, and what stands before and behind the outer brackets."""
    depth, quote, begin = 0, "", 0
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
            continue
        if sign in _QUOTES:
            quote = sign
        cut = sign == "," and depth == 1
        if sign in _OPENS:
            depth += 1
            cut = depth == 1
        elif sign in _CLOSES:
            depth -= 1
            cut = depth == 0
        if cut:
            if part := " ".join(text[begin:place].split()):
                yield part
            begin = place + 1
    if part := " ".join(text[begin:].split()):
        yield part
