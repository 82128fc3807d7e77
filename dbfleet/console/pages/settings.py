"""Settings: channels for notices (admins), maintenance windows (operators), budgets (admins)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from dbfleet.console import forms, rules
from dbfleet.console.access import needs
from dbfleet.console.budgets import quiet_times
from dbfleet.console.rooms import Nav
from dbfleet.errors import DbfleetError

NAV = Nav("Settings", "settings", 95, "operator")


@require_safe
@needs("operator")
def settings(request: Any) -> HttpResponse:
    """The page."""
    facts = {
        "admin": request.rights.anywhere("admin"),
        "about": rules.ABOUT,
        "channels": rules.channels(),
        "maintenances": rules.maintenances(),
        "budgets": rules.budgets(),
    }
    return render(request, "settings.html", facts)


def _after(request: Any, told: str, do: Any) -> HttpResponse:
    """Do it, and say on the page that it is done, or why not."""
    try:
        do()
    except DbfleetError as error:
        messages.error(request, error.message + (f": {error.hint}" if error.hint else ""))
    else:
        messages.success(request, told)
    return redirect("settings")


@sensitive_post_parameters("url")
@require_POST
@needs("admin")
def add_channel(request: Any) -> HttpResponse:
    """A new channel."""
    form = request.POST

    def do() -> None:
        rules.add_channel(
            request.rights, forms.text(form, "name", most=100), forms.text(form, "url", most=2000, needed=True),
            about=form.getlist("about"), pattern=forms.text(form, "pattern", most=300),
        )  # fmt: skip

    return _after(request, "The channel is added. Its URL is not shown again.", do)


@require_POST
@needs("admin")
def enable_channel(request: Any, number: int) -> HttpResponse:
    """Let a channel be told, or not."""
    on = request.POST.get("enabled") == "1"
    told = "The channel is told again." if on else "The channel is told nothing any more."
    return _after(request, told, lambda: rules.enable_channel(request.rights, number, on))


@require_POST
@needs("admin")
def remove_channel(request: Any, number: int) -> HttpResponse:
    """Remove a channel."""
    return _after(request, "The channel is removed.", lambda: rules.remove_channel(request.rights, number))


@require_POST
@needs("admin")
def try_channel(request: Any, number: int) -> HttpResponse:
    """Send a test."""
    return _after(request, "A test is on its way.", lambda: rules.try_channel(request.rights, number))


@require_POST
@needs("operator")
def add_maintenance(request: Any) -> HttpResponse:
    """A new window."""
    form = request.POST

    def do() -> None:
        zone = forms.zone(form)
        begins, ends = forms.moment(form, "begins", zone), forms.moment(form, "ends", zone)
        rules.add_maintenance(
            request.rights, forms.text(form, "pattern", most=300), begins, ends, forms.text(form, "why", most=300)
        )

    return _after(request, "The maintenance is set.", do)


@require_POST
@needs("operator")
def end_maintenance(request: Any, number: int) -> HttpResponse:
    """End a window now."""
    return _after(request, "The maintenance is over.", lambda: rules.end_maintenance(request.rights, number))


@require_POST
@needs("admin")
def set_budget(request: Any) -> HttpResponse:
    """Set a target's budget."""
    form = request.POST

    def do() -> None:
        rules.set_budget(
            request.rights, forms.text(form, "target", most=300), jobs=forms.whole(form, "jobs", most=1000),
            statement_s=forms.seconds(form, "statement_s"), time_zone=forms.zone(form),
            quiet=quiet_times(forms.text(form, "quiet_from"), forms.text(form, "quiet_to")),
        )  # fmt: skip

    return _after(request, "The budget is set.", do)


@require_POST
@needs("admin")
def remove_budget(request: Any, number: int) -> HttpResponse:
    """Remove a budget."""
    return _after(request, "The budget is removed.", lambda: rules.remove_budget(request.rights, number))


urlpatterns = [
    path("settings/", settings, name="settings"),
    path("settings/channels", add_channel, name="settings-channel"),
    path("settings/channels/<int:number>/enabled", enable_channel, name="settings-channel-enabled"),
    path("settings/channels/<int:number>/remove", remove_channel, name="settings-channel-remove"),
    path("settings/channels/<int:number>/test", try_channel, name="settings-channel-test"),
    path("settings/maintenance", add_maintenance, name="settings-maintenance"),
    path("settings/maintenance/<int:number>/end", end_maintenance, name="settings-maintenance-end"),
    path("settings/budgets", set_budget, name="settings-budget"),
    path("settings/budgets/<int:number>/remove", remove_budget, name="settings-budget-remove"),
]
