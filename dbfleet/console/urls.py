"""Which page is where."""

from __future__ import annotations

from django.urls import path

from dbfleet.console.pages import healthz

urlpatterns = [path("healthz", healthz.healthz, name="healthz")]
