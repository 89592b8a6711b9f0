"""``report.html``: everything about an experiment in one file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

from experiment.figures import by_setting, figures, save, value
from experiment.prices import HOURS_A_MONTH, Prices
from experiment.published import INFERENCE
from experiment.summary import Summary
from experiment.table import fixed

Rows = Sequence[Mapping[str, Any]]

_TARGETS = {
    "local": "embedded AWS on one machine, whose processors all ranks share",
    "aws": "AWS",
}

_CAPTIONS = {
    "time": (
        "Time against world size",
        "Median of the runs with each setting; the phases are the state machine's.",
    ),
    "speedup": ("Speed-up and efficiency", "Against the smallest world size of this experiment."),
    "timeline": ("What each rank did when", "The largest world that succeeded. Grey is a cold start."),
    "cost": ("What an execution costs", "Median by setting, item by item."),
    "predictions": (
        "Predicted against true redshift",
        "Every galaxy of the latest run that knows its true redshift.",
    ),
    "published": ("Beside the course's figures", "Total time of the FMI step function without data."),
}

_RUN_COLUMNS = (
    *("run", "status", "world", "batch", "memory MB", "total s", "init s", "map s", "summarize s"),
    *("samples", "samples/s", "Mbit/s", "cost $", "MAE", "NMAD", "R²"),
)

_STYLE = """
:root { color-scheme: light; --ink: #1b2733; --soft: #5b6b7a; --line: #dfe5ea;
  --blue: #1d6fa5; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 70rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); font-size: .9rem; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .7rem;
  margin: 1.2rem 0; }
.number { border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .8rem; }
.number b { display: block; font-size: 1.35rem; color: var(--blue); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: right; }
th { vertical-align: bottom; }
td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } .failed { color: var(--bad);
font-weight: 600; } figure { margin: 0; } img { display: block; width: 100%; max-width: 46rem; height: auto;
} pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; background: #f6f8fa; padding:
.7rem; border-radius: .4rem; } @media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  section, figure { break-inside: avoid; } .scroll { overflow: visible; }
  table { font-size: 7pt; } th, td { padding: .15rem .25rem; }
  img { max-width: 34rem; } img.square { max-width: 22rem; }
}
"""


def write_report(summary: Summary, prices: Prices) -> Path:
    """Draw the figures and write ``report.html`` into the experiment's folder; returns its path."""
    drawn = figures(summary.rows, summary.ranks, summary.predictions)
    images = {name: path.read_bytes() for name, path in save(drawn, summary.folder / "figures").items()}
    path = summary.folder / "report.html"
    partial = path.with_name(".report.html.partial")
    partial.write_text(render(summary.rows, summary.ranks, images, prices), encoding="utf-8")
    partial.replace(path)
    return path


def render(rows: Rows, ranks: Rows, images: Mapping[str, bytes], prices: Prices) -> str:
    """The page for these rows. ``images`` are PNG by figure name; everything from outside is escaped."""
    sections = [
        _headline(rows),
        _section("Runs", _runs_table(rows)),
        _failures(rows),
        *(_figure(name, image) for name, image in images.items()),
        _published_inference(rows, ranks),
        _cost_notes(rows, prices),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>Experiment report</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body>\n</html>\n"
    )


def _headline(rows: Rows) -> str:
    good = [row for row in rows if row["status"] == "succeeded"]
    started = min((str(row["started_at"]) for row in rows), default="")
    targets = sorted({_TARGETS.get(row["target"], str(row["target"])) for row in rows})
    numbers: list[tuple[str, str]] = [("runs that succeeded", f"{len(good)} of {len(rows)}")]
    if good:
        fastest = min(good, key=lambda row: row["duration_s"])
        numbers += [
            (f"fastest execution, world size {fastest['world_size']}", f"{fastest['duration_s']:.2f} s"),
            ("most samples a second", fixed(max(row["samples_per_s"] or 0 for row in good), 0)),
            ("cheapest execution", f"${min(row['cost_usd'] for row in good):.6f}"),
        ]
        r2 = [row["metrics"]["R2"] for row in good if isinstance(row["metrics"].get("R2"), int | float)]
        if r2:
            numbers.append(("R² of the redshifts", f"{r2[-1]:.3f}"))
    tiles = "".join(
        f'<div class="number"><b>{escape(text)}</b>{escape(label)}</div>' for label, text in numbers
    )
    return (
        "<header><h1>Serverless inference: experiment report</h1>"
        f'<p class="soft">{escape(", ".join(targets))} · first run {escape(_minute(started))} UTC</p>'
        f'</header>\n<div class="numbers">{tiles}</div>'
    )


def _minute(timestamp: str) -> str:
    return timestamp[:16].replace("T", " ")


def _runs_table(rows: Rows) -> str:
    body = []
    for row in rows:
        metrics = row["metrics"]
        mark = "" if row["status"] == "succeeded" else ' class="failed"'
        cells = [
            *(fixed(row[key], 0) for key in ("world_size", "batch_size", "memory_mb")),
            *(fixed(row[key], 2) for key in ("duration_s", "init_s", "map_s", "summarize_s")),
            fixed(row["samples"], 0),
            fixed(row["samples_per_s"], 1),
            fixed((row["throughput_bps"] or 0) / 1e6, 1),
            fixed(row["cost_usd"], 6),
            *(fixed(metrics.get(key), 4) for key in ("MAE", "Precision", "R2")),
        ]
        first = f"<td>{escape(str(row['run_id']))}</td><td{mark}>{escape(str(row['status']))}</td>"
        body.append(f"<tr>{first}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return _table(_RUN_COLUMNS, body)


def _failures(rows: Rows) -> str:
    failed = [row for row in rows if row["status"] != "succeeded"]
    parts = []
    for row in failed:
        first, _, rest = str(row["error"] or "no reason given").partition("\n")
        detail = f"<pre>{escape(rest)}</pre>" if rest else ""
        parts.append(
            f'<p><span class="failed">{escape(str(row["run_id"]))}</span>: {escape(first)}</p>{detail}'
        )
    return _section("What failed", "".join(parts)) if parts else ""


def _figure(name: str, image: bytes) -> str:
    title, caption = _CAPTIONS[name]
    data = base64.b64encode(image).decode("ascii")
    shape = ' class="square"' if name == "predictions" else ""
    return _section(
        title,
        f'<figure><img{shape} alt="{escape(title)}" src="data:image/png;base64,{data}"/>'
        f'<figcaption class="soft">{escape(caption)}</figcaption></figure>',
    )


def _published_inference(rows: Rows, ranks: Rows) -> str:
    """Seconds a batch and samples a second of one rank, beside the course's at the same batch sizes."""
    sizes = {row["run_id"]: (row["world_size"], row["batch_size"], row["memory_mb"]) for row in rows}
    ours: dict[tuple[int, int, int], list[tuple[float, float]]] = {}
    for rank in ranks:
        size = sizes.get(rank["run_id"])
        seconds, rate = value(rank, "execution_time (seconds/batch)"), value(rank, "sample_persec")
        if size and seconds and rate and size[1] in {item.batch_size for item in INFERENCE}:
            ours.setdefault(size, []).append((seconds, rate))
    if not ours:
        return ""
    body = [
        f"<tr><td>this experiment, world size {world}</td><td>{batch}</td><td>{memory:,}</td>"
        f"<td>{median(s for s, _ in values):.3f}</td><td>{median(r for _, r in values):.1f}</td></tr>"
        for (world, batch, memory), values in sorted(ours.items(), key=lambda item: (item[0][1], item[0][0]))
    ]
    body += [
        f"<tr><td>{escape(item.source)}</td><td>{item.batch_size}</td><td>10,240</td>"
        f"<td>{item.seconds_per_batch:.3f}</td><td>{fixed(item.samples_per_s, 1)}</td></tr>"
        for item in INFERENCE
    ]
    table = _table(("source", "batch size", "memory MB", "s per batch", "samples/s of a rank"), body)
    note = "One function each, CPU. The course ran 1,024 samples; a rank here may have fewer."
    return _section("Inference beside the course's figures", table + f'<p class="soft">{note}</p>')


def _cost_notes(rows: Rows, prices: Prices) -> str:
    groups = by_setting(rows)
    body = []
    for item in dict.fromkeys(key for row in rows for key in row["cost_breakdown"]):
        values = [median(row["cost_breakdown"].get(item, 0.0) for row in group) for group in groups.values()]
        body.append(_cost_line(item.replace("_", " "), values))
    body.append(_cost_line("total", [median(row["cost_usd"] for row in group) for group in groups.values()]))
    notes = [f"Prices of {prices.region} as of {prices.as_of}, in US dollars, without the free tier."]
    if any(row["status"] != "succeeded" for row in rows):
        notes.append("Of failed runs only those invocations are counted that left their request id.")
    if any(row["target"] == "local" for row in rows):
        notes.append(
            "These runs were on one machine and cost nothing; shown is what functions that ran as long "
            "would have cost on AWS."
        )
    notes.append(
        "The rendezvous item is the server's share for the time of the execution. While deployed it costs "
        f"${prices.rendezvous_hour * HOURS_A_MONTH:.2f} a month, used or not: run make destroy when done."
    )
    head = ("$", *(f"world {world}, batch {batch or '-'}, {memory:,} MB" for world, batch, memory in groups))
    text = "".join(f'<p class="soft">{escape(note)}</p>' for note in notes)
    return _section("Cost, item by item", _table(head, body) + text)


def _cost_line(name: str, values: Iterable[float]) -> str:
    return f"<tr><td>{escape(name)}</td>{''.join(f'<td>{value:.8f}</td>' for value in values)}</tr>"


def _table(head: Iterable[str], body: Iterable[str]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    rows = "".join(body)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table></div>'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"
