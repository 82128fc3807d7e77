"""/metrics, for Prometheus: with a token of the role viewer for all targets, or a session."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import path

from dbfleet.console import metrics as numbers
from dbfleet.console.access import needs, require


@needs("viewer")
def metrics(request: Any) -> HttpResponse:
    """All numbers."""
    require(request, "viewer", "*")
    return HttpResponse(numbers.render(), content_type=numbers.CONTENT_TYPE)


urlpatterns = [path("metrics", metrics, name="metrics")]
