"""The parts of a self-contained HTML page: style, sections, tables, pictures. What is put in is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from experiment.pictures.canvas import Cell, Picture
from experiment.table import shown

_STYLE = """
:root { color-scheme: light; --ink: #1b2733; --soft: #55646f; --line: #dfe5ea; --blue: #0b5a8a;
  --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 72rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .5rem; }
p { margin: .3rem 0; max-width: 46rem; } .soft { color: var(--soft); font-size: .9rem; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.6rem, 1fr)); gap: .7rem;
  margin: 1.2rem 0; }
.number { border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .8rem; font-size: .9rem; }
.number b { display: block; font-size: 1.35rem; color: var(--blue); font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.pair { display: flex; flex-wrap: wrap; gap: .8rem 2rem; align-items: start; }
.pair > * { min-width: 0; max-width: 100%; }
figure { margin: 0; width: 33rem; } img { display: block; width: 100%; max-width: 34rem; height: auto; }
.scroll { overflow-x: auto; max-height: 45rem; overflow-y: auto; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .4rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th { vertical-align: bottom; white-space: normal; position: sticky; top: 0; background: #fff; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 7rem; }
.wide { font-size: .72rem; } .wide th, .wide td { padding: .3rem; } .wide td:first-child { min-width: 5rem; }
.failed { color: var(--bad); font-weight: 600; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; background: #f6f8fa; padding: .7rem;
  border-radius: .4rem; }
@media print {
  @page { size: A4; margin: 14mm; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  h2 { margin-top: 1.2rem; break-after: avoid; }
  figure, tr, .number { break-inside: avoid; }
  .scroll { overflow: visible; max-height: none; }
  .pair { display: block; } figure { width: auto; } .pair .scroll { margin-top: .5rem; }
  table, .wide { font-size: 6.5pt; } th { position: static; } td { white-space: normal; }
  th, td, .wide th, .wide td { padding: .1rem .25rem; }
  img { max-width: 12cm; }
}
"""
_MANY_COLUMNS = 10
"""A table with more is set smaller."""


def page(title: str, sections: Iterable[str]) -> str:
    """A whole document that refers to nothing outside itself."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body>\n</html>\n"
    )


def header(title: str, line: str) -> str:
    """The page's title with one line below it."""
    return f'<header><h1>{escape(title)}</h1><p class="soft">{escape(line)}</p></header>'


def tiles(numbers: Iterable[tuple[str, str]]) -> str:
    """(label, number) as tiles."""
    found = "".join(
        f'<div class="number"><b>{escape(text)}</b>{escape(label)}</div>' for label, text in numbers
    )
    return f'<div class="numbers">{found}</div>'


def section(title: str, content: str) -> str:
    """A heading and what belongs to it."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def paragraphs(lines: Iterable[str], *, soft: bool = True) -> str:
    """One paragraph a line."""
    mark = ' class="soft"' if soft else ""
    return "".join(f"<p{mark}>{escape(line)}</p>" for line in lines)


def table(head: Iterable[str], body: Iterable[Sequence[Cell]]) -> str:
    """A table that scrolls sideways where the screen is narrower; text that says a run failed is marked."""
    names = list(head)
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(f"<tr>{''.join(_cell(cell) for cell in line)}</tr>" for line in body)
    wide = ' class="wide"' if len(names) > _MANY_COLUMNS else ""
    return (
        f'<div class="scroll" tabindex="0"><table{wide}>'
        f"<thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    mark = ' class="failed"' if cell in ("failed", "timed_out", "aborted") else ""
    return f"<td{mark}>{escape(shown(cell))}</td>"


def failure(name: str, reason: str, detail: str) -> str:
    """What failed, why, and its traceback where there is one."""
    more = f"<pre>{escape(detail)}</pre>" if detail else ""
    return f'<p><span class="failed">{escape(name)}</span>: {escape(reason)}</p>{more}'


def picture(drawn: Picture, png: bytes) -> str:
    """A section with a picture and its numbers beside it."""
    data = base64.b64encode(png).decode("ascii")
    figure = (
        f'<figure><img alt="{escape(drawn.description)}" src="data:image/png;base64,{data}"/>'
        f'<figcaption class="soft">{escape(drawn.caption)}</figcaption></figure>'
    )
    return section(drawn.title, f'<div class="pair">{figure}{table(drawn.head, drawn.body)}</div>')
