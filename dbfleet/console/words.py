"""Names as a person on a page reads them: the fields of forms, the arguments of jobs, and errors that ops wrote for the
command line.

Rule: a page names the fields of its forms, and no option of the command line. A whole command (`dbfleet up mysql`) is
what a person can type elsewhere, and stays as it is.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any, Final

LABELS: Final[Mapping[str, str]] = {
    "confirm_s": "confirm after, seconds",
    "hands": "parts at a time",
    "keep_going": "keep going",
    "quiet_from": "quiet from",
    "quiet_to": "quiet to",
    "settled_by": "settled by",
    "settled_s": "settled for, seconds",
    "statement_s": "statement time, seconds",
    "time_zone": "time zone",
    "timeout_s": "timeout, seconds",
}
"""The words of the fields whose names are no words."""
_OPTIONS: Final[Mapping[str, str]] = {"param": "parameter", "tz": "time zone", "jobs": "parts at a time"}
_COMMAND: Final = re.compile(r"dbfleet [a-z][^;,]*|(?<![\w-])--([a-z][a-z-]*)")
_NAME: Final = re.compile(rf"\b({'|'.join(each for each in LABELS if '_' in each)}|hands(?= is ))\b")


def label(name: str) -> str:
    """A field's or an argument's name in words."""
    return LABELS.get(name, name.replace("_", " "))


def of_page(text: str) -> str:
    """An error's text for a page: options and internal names become the words of the forms."""
    if "--" in text:
        text = _COMMAND.sub(lambda found: _option(found[1]) if found[1] else found[0], text)
    return _NAME.sub(lambda found: label(found[0]), text)


def _option(name: str) -> str:
    return _OPTIONS.get(name, name.replace("-", " "))


def arguments(given: Mapping[str, Any]) -> dict[str, str]:
    """The arguments of a job or a schedule that say something, as a person would type them."""
    return {label(name): _typed(name, value) for name, value in given.items() if value not in (None, "", [], {}, False)}


def _typed(name: str, value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return f"dbfleet {shlex.join(value)}" if name == "command" else ", ".join(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False)
    return "yes" if value is True else f"{value:g}" if isinstance(value, float) else str(value)
