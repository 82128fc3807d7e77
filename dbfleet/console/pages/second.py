"""The second factor: asked for after a password or a link, set up and removed under Access. Off unless configured."""

from __future__ import annotations

import time
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth import get_user_model, login
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST

from dbfleet.console import forms
from dbfleet.console.access import needs, people, second, throttle
from dbfleet.errors import UsageError

PENDING: Final = "pending"
"""The session's key for whom only the second factor is missing."""
_SECRET: Final = "second-secret"  # noqa: S105 - the name of a key
_PENDING_S: Final = 300
_BACKEND: Final = "django.contrib.auth.backends.ModelBackend"


def come_in(request: Any, user: Any, onward: str, *, way: str, alone: bool = False) -> HttpResponse:
    """Log the user in; where they have a second factor, ask for it first. `alone`: the first one is enough."""
    request.login_way = way
    if alone or not second.has(user):
        login(request, user, backend=_BACKEND)
        if second.has(user):
            request.session[second.ANEW] = True
        return HttpResponseRedirect(onward)
    request.session.cycle_key()
    request.session[PENDING] = {"user": user.pk, "at": time.time(), "next": onward, "way": way}
    return redirect("login-second")


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: Any) -> HttpResponse:
    """The page that asks for the code. A wrong one counts as a wrong login."""
    pending = request.session.get(PENDING) or {}
    user = get_user_model().objects.filter(pk=pending.get("user"), is_active=True).first()
    if user is None or time.time() - pending["at"] > _PENDING_S:
        request.session.pop(PENDING, None)
        return redirect("login")
    if request.method != "POST":
        return render(request, "second_ask.html")
    counted = throttle.begin(f"second {user.pk}", throttle.address(request))
    if isinstance(counted, throttle.Wait):
        return render(request, "second_ask.html", {"told": "Too many wrong codes: wait a while."}, status=429)
    if not second.fits(user, forms.text(request.POST, "code", most=40)):
        return render(request, "second_ask.html", {"told": "This code is wrong, or was used."}, status=401)
    counted.well()
    request.session.pop(PENDING)
    request.login_way = f"{pending['way']} and code"
    login(request, user, backend=_BACKEND)
    request.session[second.PASSED] = True
    return HttpResponseRedirect(pending["next"])


@require_http_methods(["GET", "HEAD", "POST"])
@needs("login", posts=True)
def own(request: Any) -> HttpResponse:
    """Set one's own up, or see that it is."""
    if not second.wanted():
        raise Http404
    if second.has(request.user) and not request.session.get(second.ANEW):
        return render(request, "second.html", {"has": True})
    made = request.session.setdefault(_SECRET, second.secret())
    url, image = second.picture(request.user, made)
    facts: dict[str, Any] = {"url": url, "image": image, "secret": made}
    if request.method == "POST":
        try:
            code = forms.text(request.POST, "code", most=40)
            facts = {"has": True, "codes": second.activate(request.user, made, code, by=request.rights.who)}
        except UsageError as error:
            return render(request, "second.html", {**facts, "told": f"{error.message}: {error.hint}"}, status=400)
        for key in (_SECRET, second.ANEW):
            request.session.pop(key, None)
        request.session[second.PASSED] = True
    return render(request, "second.html", facts)


@require_POST
@needs("login", posts=True)
def remove(request: Any) -> HttpResponse:
    """Remove one's own; it needs a code."""
    if not second.fits(request.user, forms.text(request.POST, "code", most=40)):
        messages.error(request, "This code is wrong, or was used.")
        return redirect("access-second")
    second.remove(request.user, by=request.rights.who)
    messages.success(request, "You are asked for no code any more.")
    return redirect("access")


@require_POST
@needs("admin")
def remove_of(request: Any, name: str) -> HttpResponse:
    """Remove a user's, who has lost it."""
    second.remove(people.find(name), by=request.rights.who)
    messages.success(request, f"{name} is asked for no code any more.")
    return redirect("access")


urlpatterns = [
    path("login/second", ask, name="login-second"),
    path("access/second", own, name="access-second"),
    path("access/second/remove", remove, name="access-second-remove"),
    path("access/users/<str:name>/second/remove", remove_of, name="access-user-second"),
]
