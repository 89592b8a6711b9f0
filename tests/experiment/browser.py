"""A headless Chromium to look at a page with, where one is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

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


def visit(page: Path, folder: Path, *options: str) -> str:
    """Open a page with these options; what the browser wrote to standard output."""
    command = [browser(), *QUIET, f"--user-data-dir={folder / 'profile'}", *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def widths(page: Path, folder: Path, width: int) -> dict[str, int]:
    """Width in pixels of the window and of what is in it, and how many requests the page made.

    The page is shown in a frame as wide as a telephone: a window cannot be that narrow in every Chromium.
    """
    probe = folder / "probe.html"
    probe.write_text(
        f'<iframe id="f" width="{width}" height="800" style="border:0"></iframe><pre id="out"></pre><script>'
        'const f=document.getElementById("f");f.onload=()=>{const d=f.contentDocument,w=f.contentWindow;'
        'document.getElementById("out").textContent="content="+d.documentElement.scrollWidth+" window="'
        '+d.documentElement.clientWidth+" requests="+w.performance.getEntriesByType("resource")'
        '.filter(e=>!e.name.startsWith("data:")).length'
        '+" images="+[...d.images].filter(i=>i.complete&&i.naturalWidth>0).length};'
        f'f.src="{page.as_uri()}";</script>'
    )
    dom = visit(probe, folder, "--allow-file-access-from-files", "--virtual-time-budget=15000", "--dump-dom")
    found = re.findall(r"(content|window|requests|images)=(\d+)", dom)
    assert len(found) == 4, dom[-2000:]
    return {name: int(number) for name, number in found}
