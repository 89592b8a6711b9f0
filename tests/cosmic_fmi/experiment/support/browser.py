"""A headless Chromium to look at a page with, where one is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = "COSMIC_REQUIRE_BROWSER"
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def browser() -> str:
    """The browser's program; the test is skipped where there is none, but not where CI says there is one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, and there is no browser")
        pytest.skip("no Chromium is installed: apt-get install chromium")
    return found


def visit(url: str, folder: Path, *options: str) -> str:
    """Open an address with these options; what the browser wrote to standard output."""
    command = [browser(), *QUIET, f"--user-data-dir={folder / 'profile'}", *options, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Served(ThreadingHTTPServer):
    """Serves pages by path, and remembers what was asked for."""

    def __init__(self, pages: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages
        self.asked: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    server: Served

    def do_GET(self) -> None:
        if self.headers["Referer"]:  # the browser's own errands come from no page
            self.server.asked.add(f"{self.headers['Host']}{self.path}")
        body = self.server.pages.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Nothing on the terminal."""


@dataclass(frozen=True)
class Look:
    """A page as it was drawn: pixels, pictures that have content, numbers in tiles that do not fit on one
    line, tables that have to be scrolled sideways, and what was asked for beside the page.
    """

    window: int
    content: int
    images: int
    broken: int
    cut: int
    loaded: set[str]


def look(html: bytes, folder: Path, width: int) -> Look:
    """Open a page ``width`` pixels wide, in a frame since not every Chromium has so narrow a window.

    Every other host's name leads to the same server, so that whatever the page loads is seen there.
    """
    probe = (
        f'<link rel="icon" href="data:,"><iframe id="f" width="{width}" height="800" style="border:0">'
        '</iframe><pre id="out"></pre><script>const f=document.getElementById("f");f.onload=()=>{'
        "const d=f.contentDocument;"
        'document.getElementById("out").textContent="content="+d.documentElement.scrollWidth+" window="'
        '+d.documentElement.clientWidth+" images="'
        '+[...d.images].filter(i=>i.complete&&i.naturalWidth>0).length+" broken="'
        '+[...d.querySelectorAll(".number b")].filter(b=>b.scrollWidth>b.clientWidth||b.offsetHeight>40)'
        '.length+" cut="+[...d.querySelectorAll(".scroll")].filter(t=>t.scrollWidth>t.clientWidth).length'
        '};f.src="/page";</script>'
    )
    with Served({"/": probe.encode(), "/page": html}) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        rules = f"--host-resolver-rules=MAP * 127.0.0.1:{port}, EXCLUDE 127.0.0.1"
        options = (rules, "--virtual-time-budget=15000", "--dump-dom")
        dom = visit(f"http://127.0.0.1:{port}/", folder, *options)
        server.shutdown()
    counted = re.findall(r"(content|window|images|broken|cut)=(\d+)", dom)
    found = {name: int(number) for name, number in counted}
    assert len(found) == 5, dom[-2000:]
    return Look(loaded=server.asked - {f"127.0.0.1:{port}/page"}, **found)
