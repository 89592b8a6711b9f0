"""Learning curves: a line an epoch on the screen, all of them as JSON and as a picture."""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cosmic_fmi.common.files import write_atomically


@dataclass(frozen=True)
class Epoch:
    """What an epoch did: mean loss over its batches, loss of the validation part after it, and its cost."""

    number: int
    training: float
    validation: float
    learning_rate: float
    seconds: float

    def __str__(self) -> str:
        losses = f"training {self.training:.4f}, validation {self.validation:.4f}"
        return f"epoch {self.number}: {losses} ({self.seconds:.1f} s)"


def write(folder: Path, title: str, epochs: list[Epoch]) -> None:
    """Write curves.json and curves.png."""
    text = json.dumps([asdict(epoch) for epoch in epochs], indent=2) + "\n"
    write_atomically(folder / "curves.json", text.encode())
    write_atomically(folder / "curves.png", picture(title, epochs))


def picture(title: str, epochs: list[Epoch]) -> bytes:
    """A PNG of both losses over the epochs, the best epoch marked."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    numbers = [epoch.number for epoch in epochs]
    axes.plot(numbers, [epoch.training for epoch in epochs], marker="o", markersize=3, label="training")
    axes.plot(numbers, [epoch.validation for epoch in epochs], marker="o", markersize=3, label="validation")
    best = min(epochs, key=lambda epoch: epoch.validation)
    axes.axvline(best.number, color="0.7", linewidth=1, zorder=0, label=f"best: epoch {best.number}")
    axes.set(xlabel="epoch", ylabel="loss", title=title, yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    return buffer.getvalue()
