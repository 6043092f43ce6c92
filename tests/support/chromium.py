"""Chromium for tests of pages: one browser a process, which fails or skips where there is none."""

import contextlib
import functools
import os
import shutil
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW = "apt-get install chromium, or CHROMIUM=/path/to/it; pip install playwright axe-playwright-python"


def lacking():
    """Return what is missing for tests in a browser, or nothing."""
    try:
        import axe_playwright_python  # noqa: F401
        import playwright  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed ({HOW})"
    return "" if executable() else f"there is no Chromium ({HOW})"


def executable():
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def browser():
    """Yield a browser; without one skip, or fail where FEATX_NEEDS_BROWSER is set."""
    if reason := lacking():
        (pytest.fail if os.environ.get("FEATX_NEEDS_BROWSER") else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    # Chromium refuses its sandbox to root.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as session:
        found = session.chromium.launch(executable_path=executable(), args=arguments)
        yield found
        found.close()


@functools.cache
def axe_script():
    import axe_playwright_python

    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


class Opened:
    """A page that was opened from a file, with what it said and what it asked of a network."""

    def __init__(self, browser, path, *, width=1280, scheme="light"):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page, self.messages, self.requests = self.context.new_page(), [], []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.messages.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(Path(path).as_uri())

    def violations(self):
        """Return what axe-core finds, as (rule, element)."""
        # By the debugger: the page's own policy lets no other script in.
        session = self.context.new_cdp_session(self.page)
        asked = (
            "axe.run(document, {preload: false, resultTypes: ['violations']}).then(found => "
            "found.violations.flatMap(one => one.nodes.map(node => [one.id, node.html])))"
        )
        how = {"expression": f"{axe_script()}; {asked}", "awaitPromise": True, "returnByValue": True}
        answer = session.send("Runtime.evaluate", how)
        return answer["result"]["value"]

    def texts(self, selector):
        return self.page.locator(selector).all_inner_texts()

    def asked_for(self):
        """Return the addresses that the page loaded beside itself and the images inside it."""
        return [url for url in self.requests if not url.startswith("data:") and url != self.page.url]

    def close(self):
        self.context.close()
