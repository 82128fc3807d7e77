"""Views, as the server spells them: tables of the connection's own database have no database in their text, so they
mean the sink's own. Their definer stays behind: whoever makes them there is it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.server import Ask
from dbfleet.engines._mysql.tables import broken_views
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.outline import STAYS, Step
from dbfleet.values import Type

_DEFINER: Final = re.compile(r" DEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*`")
_TOKEN: Final = re.compile(r"'(?:[^'\\]|''|\\.)*'|`((?:[^`]|``)*)`(\.?)", re.DOTALL)


def names(ask: Ask) -> list[str]:
    """The views that can be read, sorted."""
    rows = ask("SELECT table_name FROM information_schema.views WHERE table_schema = DATABASE()")
    listed = {str(name): "VIEW" for (name,) in rows}
    return sorted(listed.keys() - broken_views(ask, listed).keys())


def views(ask: Ask, wanted: Sequence[str]) -> tuple[list[Step], list[str]]:
    """The steps that make these views, each after those that it reads; and what of them stays, in words."""
    ((database, user),) = ask("SELECT DATABASE(), CURRENT_USER()")
    texts, left = {}, []
    for name in wanted:
        said = str(ask(f"SHOW CREATE VIEW {LEXIS.quote(name)}")[0][1])
        texts[name] = _own(_DEFINER.sub("", said, count=1), str(database))
        ((definer, check),) = ask(
            "SELECT definer, security_type FROM information_schema.views WHERE table_schema = DATABASE() "
            f"AND table_name = {literal(name, Type.TEXT)}"
        )
        if check == "DEFINER" and definer != user:
            left.append(f"view {name}: that it reads as {definer}{STAYS}")
    order = _order(texts)
    steps = [
        Step("views", "view", "", f"view {name}", texts[name], place, makes=(("view", name),))
        for place, name in enumerate(order)
    ]
    return steps, left


def _own(said: str, database: str) -> str:
    """The text without the database's own name before its tables'."""

    def without(found: re.Match[str]) -> str:
        return "" if found[2] and found[1] == database.replace("`", "``") else found[0]

    return _TOKEN.sub(without, said)


def _order(texts: Mapping[str, str]) -> list[str]:
    """The views, each after those that its text names."""
    reads = {
        name: {found[1].replace("``", "`") for found in _TOKEN.finditer(text) if found[1]} & texts.keys() - {name}
        for name, text in texts.items()
    }
    order: list[str] = []
    while reads:
        free = sorted(name for name, needed in reads.items() if not needed & reads.keys()) or sorted(reads)[:1]
        order += free
        for name in free:
            del reads[name]
    return order
