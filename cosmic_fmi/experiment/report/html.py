"""What a self-contained HTML page says, as data; ``report.html.j2`` says how it looks."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from cosmic_fmi.experiment.report.pictures.canvas import Cell, Picture
from cosmic_fmi.experiment.ui.tables import shown

TEMPLATE = Path(__file__).with_name("report.html.j2")
_MANY_COLUMNS = 10
"""A table with more is set smaller."""
_FILTERED = 8
"""A table with more lines can be filtered."""
_FAILED = ("failed", "timed_out", "aborted")
"""Cells that are marked."""


@dataclass(frozen=True)
class Table:
    """A table, which scrolls sideways where the screen is narrower."""

    head: Sequence[str]
    body: Sequence[Sequence[Cell]]

    @property
    def is_wide(self) -> bool:
        """Whether its text has to be smaller."""
        return len(self.head) > _MANY_COLUMNS


@dataclass(frozen=True)
class Image:
    """A PNG in base64 with its words."""

    data: str
    alt: str
    caption: str
    marks: Sequence[tuple[float, float, str]] = ()
    """(part of the width, part of the height, what it is): named under the pointer, and read out."""
    height: float = 1.0
    """By the width."""


@dataclass(frozen=True)
class Section:
    """A heading and, in this order, what belongs to it.

    ``failures`` are (what failed, why, traceback or nothing); an image has the table beside it.
    """

    title: str
    lead: Sequence[str] = ()
    failures: Sequence[tuple[str, str, str]] = ()
    image: Image | None = None
    table: Table | None = None
    notes: Sequence[str] = ()

    @property
    def anchor(self) -> str:
        """What a link to it ends with."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Page:
    """A whole document: its name in the browser, a title with one line below it, (label, number) as tiles."""

    name: str
    title: str
    line: str
    numbers: Sequence[tuple[str, str]] = ()
    lead: Sequence[str] = ()
    sections: Sequence[Section] = ()

    def html(self) -> str:
        """The document; everything in it is escaped."""
        return _template().render(page=self)


def picture(drawn: Picture, png: bytes) -> Section:
    """A section with a picture and its numbers beside it."""
    size = drawn.figure.bbox
    marks = [(*mark.place(drawn.figure), mark.text) for mark in drawn.marks]
    data = base64.b64encode(png).decode("ascii")
    image = Image(data, drawn.description, drawn.caption, marks, size.height / size.width)
    return Section(drawn.title, image=image, table=Table(drawn.head, drawn.body))


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    environment.globals.update(FAILED=_FAILED, FILTERED=_FILTERED)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
