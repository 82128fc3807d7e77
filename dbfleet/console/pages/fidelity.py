"""Fidelity: how exactly each engine keeps what comes from each other one, by what the engines declare."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from dbfleet.console import matrix
from dbfleet.console.access import needs
from dbfleet.console.rooms import Nav
from dbfleet.errors import NotFound

NAV = Nav("Fidelity", "fidelity", 70)


@needs("viewer")
def fidelity(request: Any) -> HttpResponse:
    """The page; with `from` and `to` the columns behind a cell."""
    source, sink = request.GET.get("from", ""), request.GET.get("to", "")
    cell = None
    if source or sink:
        cell = matrix.cell_of(source, sink)
        if cell is None:
            raise NotFound(f"there is no engine {source} or {sink}", hint="dbfleet engines lists them")
    return render(request, "fidelity.html", {"rows": matrix.rows(), "cell": cell})


urlpatterns = [path("fidelity", fidelity, name="fidelity")]
