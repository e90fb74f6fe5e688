"""Headless Chromium for the tests, and what they ask of a page."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-dev-shm-usage", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip

# The text of every element that is shown, with the contrast of its ink to what is behind it.
_CONTRAST = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map(
  (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const found = [];
for (const element of document.body.querySelectorAll('*')) {
  const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!own || !element.checkVisibility() || element.closest('option, .skip, :disabled')) continue;
  const style = getComputedStyle(element);
  const ink = light(parse(element.closest('svg') ? style.fill : style.color));
  const ground = light(behind(element));
  const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  if (ratio < 4.5) found.push([element.tagName, element.className.baseVal ?? element.className,
    element.textContent.slice(0, 40), ratio]);
}
return found;
"""


class Page:
    """A page in the browser."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(
        self, path: Path, *, width: int = 1200, dark: bool = False, script: bool = True
    ) -> Page:
        """Open a file; logs of earlier pages are dropped."""
        wanted = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce",
        }
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        self.cdp("Emulation.setEmulatedMedia", features=features)
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        self.cdp("Emulation.setScriptExecutionDisabled", value=not script)
        self.driver.get("about:blank")
        self.console(), self.requests()
        self.driver.get(path.as_uri())
        return self

    def cdp(self, command: str, **parameters: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, parameters)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def all_texts(self, selector: str) -> list[str]:
        """Return the text of all elements that are shown."""
        return list(self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((e) => e.checkVisibility()).map((e) => e.textContent.trim())", selector
        ))  # fmt: skip

    def choose(self, name: str, value: str) -> None:
        """Set a field of the page's form as a user does."""
        self.run(
            "const field = document.querySelector(`[name=${arguments[0]}]`);"
            "field.value = arguments[1]; field.dispatchEvent(new Event('input', {bubbles: true}))",
            name, value,
        )  # fmt: skip

    def slide(self, card: str, side: str, index: int) -> None:
        """Move a threshold of a score, named in full, to a stop."""
        self.run(
            "const card = [...document.querySelectorAll('.card')].find("
            " (c) => c.querySelector('h4').textContent === arguments[0]);"
            "const slider = card.querySelector(`[data-side=${arguments[1]}]`);"
            "slider.value = arguments[2];"
            "slider.dispatchEvent(new Event('input', {bubbles: true}))",
            card, side, index,
        )  # fmt: skip
        self.settle()

    def settle(self) -> None:
        """Wait until the page has drawn what was asked."""
        self.driver.execute_async_script(
            "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        )

    def data(self) -> Any:
        return json.loads(self.text("#data"))

    def console(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return every address asked for since the last call."""
        events = (
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        )
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def low_contrasts(self) -> list[Any]:
        return list(self.run(_CONTRAST))


def start(profile: Path) -> webdriver.Chrome:
    """Start the browser with its files in a folder of their own; the caller quits it.

    Skips the test where there is none, and fails in CI.
    """
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        message = (
            "needs Debian's packages chromium and chromium-driver (.ci/chromium installs them)"
        )
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))
