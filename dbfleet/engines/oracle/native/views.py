"""Views, by the text that made them: a table in it without an owner means the sink's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dbfleet.engines.oracle import tables
from dbfleet.engines.oracle.native import catalog
from dbfleet.engines.oracle.tables import Ask
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.outline import STAYS, Step, marked

_ENDINGS = {"V": "WITH CHECK OPTION", "O": "WITH READ ONLY"}


def names(ask: Ask) -> list[str]:
    """The views that can be read, sorted."""
    broken = tables.broken_views(ask)
    return sorted(name for name, kind in ask(tables.NAMES) if kind == "VIEW" and name not in broken)


def views(ask: Ask, wanted: Sequence[str]) -> tuple[list[Step], list[str]]:
    """The steps that make these views, each after those that it reads; and what of them stays, in words."""
    steps: list[Step] = []
    left: list[str] = []
    for place, name in enumerate(_ordered(ask, wanted)):
        for kind, editioning, bequeaths, text in ask(catalog.VIEW, [name]):
            if kind or editioning == "Y":
                left.append(f"view {name}, of {'objects' if kind else 'an edition'}{STAYS}")
                continue
            rights = "" if bequeaths != "CURRENT_USER" else " BEQUEATH CURRENT_USER"
            steps += _view(ask, name, text.strip(), place, rights)
    return steps, left


def _view(ask: Ask, name: str, text: str, place: int, rights: str) -> Iterator[Step]:
    table, named = tables.find(name, ask), marked("named", "", name)
    for each in catalog.constraints(ask, name):
        ending = _ENDINGS.get(each.kind, "")
        if ending and ending not in " ".join(text.upper().split()):
            text += f" {ending}"
    create = f"CREATE VIEW {named} ({LEXIS.quote_all(table.columns)}){rights} AS\n{text}"
    yield Step("views", "view", "", f"view {name}", create, place, (("view", name),))
    if table.comment:
        said = table.comment.replace("'", "''")
        yield Step("views", "comment", "", f"comment of {name}", f"COMMENT ON TABLE {named} IS '{said}'", place)


def _ordered(ask: Ask, wanted: Sequence[str]) -> list[str]:
    """The views, each after those that it reads."""
    reads: Mapping[str, set[str]] = {name: set() for name in wanted}
    for name, other in ask(catalog.READS):
        if name in reads and other in reads and other != name:
            reads[name].add(other)
    order: list[str] = []
    left = dict(reads)
    while left:
        free = sorted(name for name, needed in left.items() if not needed & left.keys()) or sorted(left)[:1]
        order += free
        for name in free:
            del left[name]
    return order
