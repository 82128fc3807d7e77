"""Where browsers report what the page's policy refused: it goes to web's log. Needs no login, as reports have none."""

from __future__ import annotations

import json
import logging
from typing import Any, Final

from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

log = logging.getLogger("dbfleet.csp")
_LONGEST: Final = 8192


@csrf_exempt
@require_POST
def report(request: Any) -> HttpResponse:
    """One report, in a line of the log."""
    body = request.read(_LONGEST)
    try:
        found = json.loads(body).get("csp-report", {})
        told = {name: str(found.get(name, ""))[:300] for name in ("document-uri", "violated-directive", "blocked-uri")}
    except (ValueError, AttributeError):
        return HttpResponse(status=400)
    log.warning("a page did what its policy refuses: %s", json.dumps(told))
    return HttpResponse(status=204)


urlpatterns = [path("csp-report", report, name="csp-report")]
