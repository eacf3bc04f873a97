"""A page in a Chromium that a test drives: keys, pointer, widths, themes, and what it asks for."""

import itertools
import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tests.report.browser import PROGRAM


@dataclass
class Page:
    """One tab, spoken to by the Chrome DevTools protocol over a pipe."""

    to: BinaryIO
    back: BinaryIO
    session: str | None = None
    requests: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what happens meanwhile is noted."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.to.write(json.dumps(message).encode() + b"\0")
        self.to.flush()
        while True:
            said = self.next_message()
            if said.get("id") == number:
                assert "error" not in said, said
                return said["result"]

    def wait_for(self, event: str) -> None:
        """Wait until something has happened."""
        while self.next_message().get("method") != event:
            pass

    def next_message(self) -> dict[str, Any]:
        read = bytearray()
        while (byte := self.back.read(1)) != b"\0":
            assert byte, "the browser ended"
            read += byte
        said = json.loads(read)
        if said.get("method") == "Network.requestWillBeSent":
            self.requests.append(said["params"]["request"]["url"])
        if said.get("method") == "Log.entryAdded":
            self.refused.append(said["params"]["entry"]["text"])
        return said

    def open(self, page: Path, width: int = 1280, *, scripts: bool = True) -> None:
        """Load a file in a window of this width, in CSS pixels."""
        self.ask("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        self.resize(width)
        self.ask("Page.navigate", url=page.absolute().as_uri())
        self.wait_for("Page.loadEventFired")

    def resize(self, width: int) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )

    def value(self, expression: str) -> Any:
        """What an expression comes to in the page."""
        found = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press and release a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def point(self, x: float, y: float) -> None:
        """Move the pointer there."""
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)


@contextmanager
def driven() -> Iterator[Page]:
    """A browser of its own, ended afterwards."""
    assert PROGRAM
    (read_commands, to), (back, write_answers) = os.pipe(), os.pipe()
    options = ["--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    if os.getuid() == 0:
        options.append("--no-sandbox")  # as root it starts without only
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = shlex.join([PROGRAM, *options, f"--user-data-dir={profile}", "about:blank"])
        process = subprocess.Popen(
            ["bash", "-c", f"exec {words} 3<&{read_commands} 4>&{write_answers} 2>/dev/null"],
            pass_fds=(read_commands, write_answers),
        )
        os.close(read_commands)
        os.close(write_answers)
        with os.fdopen(to, "wb") as commands, os.fdopen(back, "rb") as answers:
            browser = Page(commands, answers)
            targets = browser.ask("Target.getTargets")["targetInfos"]
            target = next(each["targetId"] for each in targets if each["type"] == "page")
            browser.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)[
                "sessionId"
            ]
            for domain in ("Page", "Network", "Log", "Runtime"):
                browser.ask(f"{domain}.enable")
            yield browser
            browser.session = None
            browser.ask("Browser.close")
        process.wait(timeout=30)
