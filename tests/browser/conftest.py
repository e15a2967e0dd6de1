"""Headless Chromium against a live server; what leaves the machine or breaks the policy fails."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

sys.path.insert(0, str(settings.BASE_DIR))
from tools.browser import find

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = Path(settings.BASE_DIR) / "node_modules" / "axe-core" / "axe.min.js"

# Playwright's synchronous interface runs an event loop of its own in this thread.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    path = find()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: the browser tests cannot run")
        pytest.skip("NOT RUN: no Chromium was found")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


class Visitor:
    """One person's browser; collects everything that may not happen."""

    def __init__(self, browser: Any, base: str, **options: Any) -> None:
        self.base = base
        self.trouble: list[str] = []
        self.context = browser.new_context(
            **({"viewport": {"width": 1440, "height": 900}, "locale": "en-GB"} | options)
        )
        self.context.route("**/*", self._guard)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.trouble.append(f"script error: {error}"))
        self.seen: set[str] = set()

    def _guard(self, route: Any) -> None:
        if not route.request.url.startswith((self.base, "blob:", "data:")):
            self.trouble.append(f"request to another host: {route.request.url}")
            route.abort()
            return
        route.continue_()

    def _console(self, message: Any) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            self.trouble.append(message.text)

    def open(self, path: str) -> Any:
        self.page.goto(self.base + path if path.startswith("/") else path)
        self.check()
        return self.page

    def sign_in(self, user: Any, password: str) -> None:
        self.open("/account/login/")
        self.page.fill("[name=login]", user.email)
        self.page.fill("[name=password]", password)
        self.page.locator("main button[type=submit]").click()
        self.page.wait_for_url("**/my-work/")
        self.check()

    def press(self, name: str, exact: bool = False) -> None:
        """Press the button or follow the link of that name, and check where it leads."""
        main = self.page.locator("main")
        target = main.get_by_role("button", name=name, exact=exact).or_(
            main.get_by_role("link", name=name, exact=exact)
        )
        target.first.click()
        self.page.wait_for_load_state()
        self.check()

    def check(self) -> None:
        """No sideways scroll and nothing for axe on this page, in this and in the other theme."""
        shape = self.page.evaluate("location.pathname.replace(/[0-9a-f-]{36}/g, 'ID')")
        state = self.page.locator(".errorsummary").count()
        if f"{shape}{state}" in self.seen:
            return
        self.seen.add(f"{shape}{state}")
        self.page.evaluate(AXE.read_text())
        size = self.page.viewport_size
        for width in (1440, 390):
            self.page.set_viewport_size({"width": width, "height": 844})
            wide = self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if wide > 0:
                self.trouble.append(f"{shape} scrolls sideways by {wide} px at {width} px")
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self._axe(f"{shape} {width} px {scheme}")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(size)

    def _axe(self, where: str) -> None:
        found = self.page.evaluate(
            "rules => axe.run({runOnly: rules}).then(r => r.violations.map("
            "v => v.id + ': ' + v.nodes[0].html.slice(0, 160)))",
            AXE_RULES,
        )
        self.trouble += [f"{where}: {item}" for item in found]


@pytest.fixture
def visitor(chromium: Any, live_server: Any) -> Iterator[Callable[..., Visitor]]:
    """Make browsers; at the end nothing may have gone wrong in any of them."""
    made: list[Visitor] = []

    def make(**options: Any) -> Visitor:
        made.append(Visitor(chromium, live_server.url, **options))
        return made[-1]

    yield make
    trouble = [item for one in made for item in one.trouble]
    for one in made:
        one.context.close()
    assert trouble == [], "\n".join(trouble)
