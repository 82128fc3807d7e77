"""Which page is where: every page's module brings its own URLs (console/rooms.py)."""

from __future__ import annotations

from django.urls import path

from dbfleet.console.rooms import modules

urlpatterns = [each for module in modules("dbfleet.console.pages") for each in getattr(module, "urlpatterns", ())]

from dbfleet.console.api.frame import api  # noqa: E402 - the pages come first

urlpatterns.append(path("api/", api.urls))

handler400 = "dbfleet.console.errors.bad_request"
handler403 = "dbfleet.console.errors.forbidden"
handler404 = "dbfleet.console.errors.not_found"
handler500 = "dbfleet.console.errors.server_error"
