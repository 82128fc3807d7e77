"""The console in a browser, as its tests see it; the fixtures are in conftest.py."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from dbfleet.console.access import links
from dbfleet.console.jobs.making import now
from dbfleet.console.models import Grant

ROOT = Path(__file__).parents[3]
PICTURES = ROOT / ".cache" / "pages"
AXE = ROOT / ".cache" / "axe-core-4.14.1"
CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), "")


@dataclass
class Site:
    """The web process, and a browser in front of it."""

    url: str
    browser: Any
    axe: str
    trouble: list[str] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)
    state: Any = None

    def person(self, role: str = "admin", *, width: int = 1440, dark: bool = False, zone: str = "UTC") -> Any:
        """A page of somebody with this role on everything, who is logged in."""
        if not User.objects.filter(username=role).exists():
            user = User.objects.create_user(role)
            Grant.objects.create(user=user, pattern="*", role=role, made_by="test", made_at=now())
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", timezone_id=zone
        )
        context.set_default_timeout(30_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda said: self.trouble.append(f"{page.url}: {said.text}") if said.type == "error" else None
        )
        page.on("pageerror", lambda error: self.trouble.append(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: (self.trouble.append(f"a script ran: {dialog.message}"), dialog.dismiss()))
        page.goto(f"{self.url}/link/{links.make(by='cli:test', user=role)}")
        page.click("main button")
        page.wait_for_url(f"{self.url}/fleet")
        return page

    def open(self, page: Any, path: str) -> None:
        """Go there; what the server could not do is a failure."""
        answer = page.goto(self.url + path)
        assert answer.status == 200, f"{path}: {answer.status} {page.inner_text('body')[:400]}"

    def found_by_axe(self, page: Any) -> list[str]:
        """What axe finds wrong with the page."""
        page.evaluate(self.axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{page.url} {each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]
