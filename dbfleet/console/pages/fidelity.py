"""Fidelity: how exactly each engine keeps what comes from each other one, by what the engines declare."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.urls import path
from django.utils.safestring import SafeString, mark_safe

from dbfleet.console import matrix
from dbfleet.console.access import needs
from dbfleet.console.bars import bars
from dbfleet.console.context import framed
from dbfleet.console.rooms import Nav
from dbfleet.console.standing import console
from dbfleet.errors import NotFound

NAV = Nav("Fidelity", "fidelity", 70)


@needs("viewer")
def fidelity(request: Any) -> HttpResponse:
    """The page; with `from` and `to` the columns behind a cell."""
    source, sink = request.GET.get("from", ""), request.GET.get("to", "")
    if (source or sink) and matrix.cell_of(source, sink) is None:
        raise NotFound(f"there is no engine {source} or {sink}", hint="dbfleet engines lists them")
    return framed(request, "fidelity.html", _part(source, sink), bars(request.rights, console(request.session)))


@lru_cache(maxsize=20)
def _part(source: str, sink: str) -> SafeString:
    """The matrix, and the columns behind the cell: they change with dbfleet alone."""
    facts = {"rows": matrix.rows(), "cell": matrix.cell_of(source, sink)}
    return mark_safe(render_to_string("fidelity_part.html", facts))  # noqa: S308 - a template made it


urlpatterns = [path("fidelity", fidelity, name="fidelity")]
