"""Who may go through to what stands behind the console's door: Flower and pgAdmin, for admins alone.

nginx asks here before it passes anything on (`auth_request`), with the cookies of the request at hand: 204 lets it
through, 401 leads to the login, 403 does not. So this view answers by its status, and never leads elsewhere.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import path

from dbfleet.console.access import second


def admin(request: Any) -> HttpResponse:
    """204 for an admin, 403 for anybody else who is logged in, or lacks a second factor; 401 for nobody."""
    if not request.rights.user:
        return HttpResponse(status=401)
    may = request.rights.everywhere("admin") and not second.lacking(request)
    return HttpResponse(status=204 if may else 403)


urlpatterns = [path("auth/admin", admin, name="auth-admin")]
