"""Names in Python for collections and columns: each is valid, none is taken twice, none hides what Django needs.

A name that is good already stays as it is. Otherwise what is no letter, digit or underscore becomes an underscore,
capitals become small letters, and `_field` is put behind what is a keyword or a name of Django's own. Of several that
fall together, the later ones get a number.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

OF_MODELS: Final = frozenset(
    {
        "DoesNotExist", "Meta", "MultipleObjectsReturned", "NotUpdated", "adelete", "arefresh_from_db", "asave",
        "check", "clean", "clean_fields", "date_error_message", "delete", "from_db", "full_clean", "get_constraints",
        "get_deferred_fields", "id", "objects", "pk", "prepare_database_save", "refresh_from_db", "save", "save_base",
        "serializable_value", "unique_error_message", "validate_constraints", "validate_unique",
    }
)  # fmt: skip
"""What a model has already. `id` is free for the key alone."""
OF_RECORDS: Final = frozenset(
    {"DoesNotExist", "Meta", "MultipleObjectsReturned", "delete", "mro", "objects", "pk", "save"}
)
"""What a record has already."""
_SINGULAR: Final = ((r"(?<=[a-z]{2})ies$", "y"), (r"(?<=ss|sh|ch)es$", ""), (r"(?<=x)es$", ""), (r"(?<![suia])s$", ""))
_SAME: Final = frozenset({"series", "species", "news", "lens"})


class Taken:
    """The names that are taken in one place."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = set(names)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def take(self, name: str, *more: str) -> str:
        """The name, or the first with a number that is free; it is taken then. `more` is what comes behind the name in
        others, which must be free too."""
        number, found = 1, name
        while any(found + end in self._names for end in ("", *more)):
            number += 1
            found = f"{name}_{number}" if not name[-1].isdigit() else f"{name}_n{number}"
        self._names.update(found + end for end in ("", *more))
        return found


def field_name(column: str, *, key: bool = False, reserved: frozenset[str] = OF_MODELS) -> str:
    """The name of a column's field, before it is known whether it is free."""
    name = _word(column)
    if not name:
        return "field"
    if name[0].isdigit():
        name = f"field_{name}"
    if keyword.iskeyword(name) or (name in reserved and not (key and name == "id")):
        name = f"{name}_field"
    return name


def _word(text: str) -> str:
    """What of the text can be part of a name: no underscore at its ends, no two side by side."""
    text = unicodedata.normalize("NFKC", text)
    if not text.isidentifier() or not text.islower():
        # Capitals inside begin a word: createdAt, HTTPStatus.
        text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text) if not text.isupper() else text
        text = re.sub(r"[^\w]|_+", "_", text.lower())
    return re.sub(r"_+", "_", text).strip("_")


def class_name(collection: str) -> str:
    """The name of a collection's class: Order of orders, OrderItem of order_items."""
    words = [word for word in _word(collection.rpartition(".")[2] or collection).split("_") if word]
    if words:
        words[-1] = singular(words[-1])
    name = "".join(word[0].upper() + word[1:] for word in words)
    if not name or name[0].isdigit():
        name = f"Collection{name}"
    return f"{name}Model" if keyword.iskeyword(name) else name


def singular(word: str) -> str:
    """The English word for one of these, where it is plain: order of orders, category of categories; else the word."""
    if word in _SAME:
        return word
    for ending, instead in _SINGULAR:
        changed, times = re.subn(ending, instead, word)
        if times:
            return changed or word
    return word


def app_label(target: str) -> str:
    """The label of a target's app: its name, as far as that is a name in Python."""
    name = _word(target) or "target"
    return f"{name}_app" if keyword.iskeyword(name) else f"target_{name}" if name[0].isdigit() else name
