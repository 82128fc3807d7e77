"""Whether web can serve pages: asked by nginx, the container's healthcheck and `dbfleet health`. Needs no login."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import path

from dbfleet import __version__
from dbfleet.console import schema
from dbfleet.errors import Unavailable


def healthz(request: HttpRequest) -> JsonResponse:
    """200 where the control database answers and has this version's schema, else 503 with the reason."""
    try:
        found = schema.look()
    except Unavailable as error:
        why = error.message.partition(":")[0]  # the driver's words have addresses in them, and anybody may ask
        return JsonResponse({"ok": False, "version": __version__, "error": why}, status=503)
    why = ""
    if found.missing:
        why = f"{len(found.missing)} migrations are not applied"
    elif found.newer:
        why = f"the control database is newer than this dbfleet: it has {found.newer[-1]}"
    return JsonResponse({"ok": not why, "version": __version__, "error": why or None}, status=503 if why else 200)


urlpatterns = [path("healthz", healthz, name="healthz")]
