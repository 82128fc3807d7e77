"""The way in by another service, in a browser: the button, the provider's pages, and back under the pages' policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser_site import PICTURES, Site
from console_people import Web, environment, free_port
from console_servers import Console, end, until
from django.contrib.auth.models import User
from oidc_provider import PASSWORD
from oidc_walk import provider

from dbfleet.console.desk import Desk


@pytest.fixture
def site(
    console: Console, chromium: Any, axe: str, desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A console that a provider is configured for. The browser calls the provider by another name than the console, so
    that it is another site to it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with provider(tmp_path_factory.mktemp("provider"), url, host="localhost") as service:
        child = console.start("web", **environment(console, port), **service.settings)
        try:
            until(Web(url, console.folder / "web.log", child).is_up, "web answers")
            made = Site(url, chromium, axe)
            yield made
            for context in made.contexts:
                context.close()
            assert made.trouble == []
        finally:
            end(child)


def test_somebody_comes_in_by_the_button_and_leaves(site: Site) -> None:
    context = site.browser.new_context(viewport={"width": 360, "height": 800})
    context.set_default_timeout(30_000)
    site.contexts.append(context)
    page = context.new_page()
    page.on("console", lambda said: site.trouble.append(said.text) if "policy" in said.text.lower() else None)
    page.goto(f"{site.url}/login?next=/access/")
    assert site.found_by_axe(page) == []
    page.screenshot(path=PICTURES / "login-by-another-service-360.png")
    page.click("button:has-text('Log in with Example Org')")
    page.wait_for_url("http://localhost:*/accounts/login/**")
    page.fill("input[name=login]", "anna")
    page.fill("input[name=password]", PASSWORD)
    page.click("button:has-text('Sign In')")
    page.wait_for_url(f"{site.url}/access/")
    assert "anna" in page.inner_text("body")
    assert User.objects.get().username == "anna"
    page.set_viewport_size({"width": 1440, "height": 900})  # where the way out is in no menu
    page.click("button:has-text('Log out')")
    page.wait_for_url(f"{site.url}/login")
    page.click("button:has-text('Log in with Example Org')")  # the provider knows anna still
    page.wait_for_url(f"{site.url}/**")
    page.wait_for_selector("button:has-text('Log out')")
    assert User.objects.count() == 1
