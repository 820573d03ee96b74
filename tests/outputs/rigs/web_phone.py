"""A phone: Chromium without a window, as wide as a phone, driven through Selenium."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

TOKEN: Final = "correct-horse-battery"
_SWITCHES: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--mute-audio",
)  # fmt: skip
_METRICS: Final = {"width": 390, "height": 844, "pixelRatio": 2, "touch": True}


def missing() -> str:
    """Say what is not installed that a phone needs, `""` when all is there."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)} (apt install chromium-driver)" if absent else ""


def new_browser(folder: Path) -> Any:
    """Start a browser that keeps everything in `folder`."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.add_experimental_option("mobileEmulation", {"deviceMetrics": _METRICS})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in (*_SWITCHES, f"--user-data-dir={folder}"):
        options.add_argument(switch)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def new_phone(browser: Any, port: int) -> Phone:
    """Return a phone for the page on a port, which has never seen that page.

    WebDriver's own way deletes the cookies of the document that is open, none at `about:blank`; an
    earlier page may have had the same port, and its login would be valid.
    """
    site = {"origin": f"http://127.0.0.1:{port}", "storageTypes": "all"}
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", site)
    return Phone(browser, port)


class Phone:
    """Do what a finger does, and see what an eye sees."""

    def __init__(self, browser: Any, port: int) -> None:
        self._browser = browser
        self._site = f"http://127.0.0.1:{port}"

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script in the page returns."""
        return self._browser.execute_script(script, *arguments)

    def wait_for(self, script: str) -> Any:
        """Return what a script hands to its last argument, a function."""
        return self._browser.execute_async_script(script)

    def look(self, scheme: str, width: int) -> None:
        """See the page in "light" or "dark", so many pixels wide."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 900}
        self._browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def see(self, condition: str) -> Any:
        """Wait until a JavaScript expression holds; return its value."""
        from selenium.common.exceptions import JavascriptException  # a page that is not there yet
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self._browser, 60, 0.05, (JavascriptException,))
        return wait.until(lambda _: self.run(f"return {condition}"), f"never came: {condition}")

    def tap(self, selector: str) -> None:
        """Click on an element, once it can be clicked on: a sheet takes a moment to open.

        It is brought into the middle first, as a finger would: a bar may lie on the lower edge.
        """

        def click() -> None:
            element = self._browser.find_element("css selector", selector)
            self.run("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()

        self._once_it_can(click)

    def tap_until(self, selector: str, condition: str) -> None:
        """Click until it has done something: the page moves while it fills, and a tap may miss."""
        for _ in range(10):
            self.tap(selector)
            if self.run(f"return {condition}"):
                return
        raise AssertionError(f"ten taps on {selector}, and never: {condition}")

    def unfold(self, selector: str) -> None:
        """Open what a summary folds up."""
        self.tap_until(selector, f"document.querySelector('{selector}').parentElement.open")

    def type(self, selector: str, text: str) -> None:
        """Write into a field, over what is in it."""

        def write() -> None:
            field = self._browser.find_element("css selector", selector)
            field.clear()
            field.send_keys(text)

        self._once_it_can(write)

    def _once_it_can(self, act: Callable[[], None]) -> None:
        from selenium.common.exceptions import (
            ElementClickInterceptedException,
            ElementNotInteractableException,
            TimeoutException,
        )
        from selenium.webdriver.support.ui import WebDriverWait

        early = (ElementNotInteractableException, ElementClickInterceptedException)
        wait = WebDriverWait(self._browser, 60, 0.05, early)
        try:
            wait.until(lambda _: act() is None)
        except TimeoutException as error:  # also where there is no such element
            raise AssertionError(f"it could not, on '{self._browser.title}'") from error

    def press(self, selector: str, key: str, times: int = 1) -> None:
        """Press a key on an element."""
        from selenium.webdriver.common.keys import Keys

        keys = times * getattr(Keys, key)
        self._once_it_can(
            lambda: self._browser.find_element("css selector", selector).send_keys(keys)
        )

    def drag_until(self, selector: str, down: int, condition: str) -> None:
        """Drag an element down by so many pixels, again where the page moved under the finger."""
        from selenium.webdriver import ActionChains

        for _ in range(10):
            element = self._browser.find_element("css selector", selector)
            self.run("arguments[0].scrollIntoView({block: 'center'})", element)
            ActionChains(self._browser, 0).drag_and_drop_by_offset(element, 0, down).perform()
            if self.run(f"return {condition}"):
                return
        raise AssertionError(f"{selector} was dragged ten times, and never: {condition}")

    def choose(self, selector: str, value: str) -> None:
        """Choose from a list."""
        from selenium.webdriver.support.ui import Select

        Select(self._browser.find_element("css selector", selector)).select_by_value(value)

    def write(self, selector: str, text: str) -> None:
        """Type at the end of the text in the editor inside an element."""
        editor = f"document.querySelector('{selector}').shadowRoot.querySelector('.cm-content')"
        self.run(f"return {editor}").send_keys(text)

    def open(self, path: str = "/") -> None:
        """Go to the page, or to another path of the device."""
        self._browser.get(self._site + path)

    def log_in(self, token: str = TOKEN) -> None:
        """Give the token to the form."""
        self.type("#token", token)
        self.tap("button[type=submit]")

    def teach(self, name: str) -> None:
        """Begin to teach a pose, with the shortest countdown, for no watch as yet."""
        self.tap_until("#teach", "document.getElementById('teach-sheet').open")
        self.tap("label:has(#pose-watch)")
        self.type("#pose-name", name)
        self.tap("#teach-form label:has([value='3'])")
        self.tap("#teach-form .primary")

    def complaints(self) -> list[str]:
        """Return what the browser has to say against the page."""
        return [entry["message"] for entry in self._browser.get_log("browser")]
