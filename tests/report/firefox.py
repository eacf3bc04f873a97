"""Pages as headless Firefox has them, one after the other in one browser."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

PROGRAM = next(filter(None, map(shutil.which, ("firefox", "firefox-esr"))), None)
# No page of welcome, no update, no report home.
PREFERENCES = """user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("app.update.enabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
"""


def answers(pages: Sequence[str], seconds: float = 120) -> list[str]:
    """What each page posts to `/found`; it is served from this machine, and then the next one is.

    Raises:
        TimeoutError: not all of them had answered in time.
    """
    assert PROGRAM
    found: list[str] = []
    done = Event()

    class Served(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/" and len(found) < len(pages)
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(pages[len(found)].encode() if known else b"")

        def do_POST(self) -> None:
            found.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()
            if len(found) == len(pages):
                done.set()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Served) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        (Path(profile) / "user.js").write_text(PREFERENCES, encoding="utf-8")
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        process = subprocess.Popen(
            [PROGRAM, "--headless", "--no-remote", "--profile", profile, address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": profile, "PATH": "/usr/bin:/bin", "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
        )
        try:
            if not done.wait(seconds):
                raise TimeoutError(f"{len(found)} of {len(pages)} pages answered")
        finally:
            process.terminate()
            process.wait(timeout=30)
            server.shutdown()
    return found
