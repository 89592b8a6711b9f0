"""Pictures of the synthetic survey for docs/survey.md: `python -m inference.survey.figures --help`."""

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cosmic_fmi.common.interrupted import run_command
from inference.core.galaxies import Galaxies
from inference.survey import population, spectra, synthetic

Array = npt.NDArray[np.float64]

COLUMNS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.68)
"""Redshifts of the sample sheet's columns."""
ROWS = 5
ZOOM, GAP, TITLE = 3, 2, 28
"""Screen pixels: of a pixel, around a picture, of the line of titles."""
LEVELS = 48
"""Of each colour: the noise of the sky compresses badly, and nobody sees the difference."""
STRETCH, SOFTNESS = 0.5, 5.0
"""Nanomaggies per pixel that are drawn white-ish, and how much the faint end is lifted."""
WEIGHTS = {"i": 0.8, "r": 1.0, "g": 1.7}
"""Of the bands drawn as red, green and blue."""


def composite(image: npt.NDArray[np.float32]) -> Array:
    """RGB pictures [N, S, S, 3] between 0 and 1 of images [N, 5, S, S], from i, r and g.

    The stretch is asinh in the sum of the bands and keeps the colours (Lupton et al. 2004, PASP 116, 133).
    """
    scaled = np.stack([image[:, spectra.BANDS.index(b)] * w for b, w in WEIGHTS.items()], axis=-1)
    scaled = np.maximum(scaled.astype(np.float64), 0)
    intensity = scaled.mean(axis=-1, keepdims=True) + 1e-9
    picture = scaled * np.arcsinh(SOFTNESS * intensity / STRETCH) / np.arcsinh(SOFTNESS * 4) / intensity
    return np.asarray(picture / np.maximum(picture.max(axis=-1, keepdims=True), 1.0))


def choose(galaxies: Galaxies) -> npt.NDArray[np.int64]:
    """Rows [ROWS, columns] of the galaxies nearest to each column's redshift."""
    chosen = [np.argsort(np.abs(galaxies.redshift - z), kind="stable")[:ROWS] for z in COLUMNS]
    return np.stack(chosen, axis=1)


def mosaic(galaxies: Galaxies) -> Array:
    """The chosen galaxies side by side, [height, width, 3], each pixel `ZOOM` screen pixels wide."""
    rows = choose(galaxies)
    pictures = composite(galaxies.image[rows.ravel()]).repeat(ZOOM, axis=1).repeat(ZOOM, axis=2)
    framed = np.pad(pictures, ((0, 0), (GAP, GAP), (GAP, GAP), (0, 0)), constant_values=1.0)
    size = framed.shape[1]
    lines = framed.reshape(*rows.shape, size, size, 3).transpose(0, 2, 1, 3, 4)
    picture = lines.reshape(rows.shape[0] * size, rows.shape[1] * size, 3)
    return np.round(picture * LEVELS) / LEVELS


def draw_samples(galaxies: Galaxies, path: Path) -> None:
    """Write a PNG: galaxies as the network sees them, redshift growing to the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    picture = mosaic(galaxies)
    height, width, _ = picture.shape
    figure = Figure(figsize=(width / 100, (height + TITLE) / 100), dpi=100)
    FigureCanvasAgg(figure)
    # One screen pixel for each of the mosaic's: nothing is resampled, and the file stays small.
    figure.figimage(picture, origin="upper")
    for number, redshift in enumerate(COLUMNS):
        centre, above = (number + 0.5) / len(COLUMNS), (height + TITLE / 2) / (height + TITLE)
        figure.text(centre, above, f"z = {redshift:g}", ha="center", va="center", fontsize=10)
    figure.savefig(path, dpi=100)


def tracks(redshift: Array) -> Array:
    """Colours u-g, g-r, r-i, i-z [N, types, 4] of the atlas's types without dust."""
    return -np.diff(population.magnitudes(spectra.band_fluxes(redshift)))


def colours(galaxies: Galaxies, path: Path) -> None:
    """Write a PNG: the four colours and the r magnitude against redshift, with the atlas's types as lines."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3, sharex=True).ravel()
    grid = np.linspace(0.0, population.MAX_REDSHIFT, 141)
    lines = tracks(grid)
    measured = -np.diff(galaxies.magnitude)
    for number, axis in enumerate(axes[:4]):
        axis.scatter(galaxies.redshift, measured[:, number], s=2, color="0.55", alpha=0.5, linewidths=0)
        for kind, name in enumerate(spectra.TYPES):
            axis.plot(grid, lines[:, kind, number], label=name, linewidth=1.5)
        most = np.percentile(measured[:, number], [1, 99])
        low, high = min(most[0], lines[:, :, number].min()), max(most[1], lines[:, :, number].max())
        axis.set(ylabel=" - ".join(spectra.BANDS[number : number + 2]), ylim=(low - 0.2, high + 0.2))
    axes[0].legend(fontsize=8, ncols=2, frameon=False)
    axes[4].scatter(galaxies.redshift, galaxies.magnitude[:, 2], s=2, color="0.55", alpha=0.5, linewidths=0)
    axes[4].set(ylabel="r", ylim=(22, 13))
    axes[5].hist(galaxies.redshift, np.arange(0, 0.72, 0.02), color="0.55")
    axes[5].set(ylabel="galaxies")
    for axis in axes[3:]:
        axis.set(xlabel="redshift", xlim=(0, population.MAX_REDSHIFT))
    figure.savefig(path, dpi=90)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.survey.figures",
        description="Draw the synthetic survey: galaxies by redshift, and colours against redshift.",
        epilog="example: python -m inference.survey.figures --output docs/images",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for survey.png and colours.png")
    parser.add_argument("--count", type=int, default=4096, help="galaxies to choose from (%(default)s)")
    parser.add_argument("--seed", type=int, default=synthetic.SAMPLE_SEED, help="(%(default)s)")
    given = parser.parse_args(arguments)
    try:
        given.output.mkdir(parents=True, exist_ok=True)
        galaxies = synthetic.sample(given.count, given.seed)
        draw_samples(galaxies, given.output / "survey.png")
        colours(galaxies, given.output / "colours.png")
    except OSError as error:
        print(f"error: cannot write into {given.output}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"survey.png and colours.png in {given.output}")
    return 0


if __name__ == "__main__":
    run_command(main)
