"""From what a network computed to predictions that say which of them to believe."""

from collections.abc import Iterator
from pathlib import Path

from inference.core import training_range, validity
from inference.core.galaxies import Galaxies
from inference.core.validity import Flag
from inference.data.repeats import Seen
from inference.engines.base import Run
from inference.rank.results import Predictions


class Judge:
    """Judges the galaxies of one run, part by part; it remembers which galaxies came before.

    Raises ModelError when what the model says about its training cannot be read.
    """

    def __init__(self, model: Path) -> None:
        self.model, self.known, self._seen = model, training_range.of_model(model), Seen()

    def __call__(self, galaxies: Galaxies, run: Run) -> Predictions:
        """The predictions of the next galaxies, with their flags."""
        repeated = self._seen.repeated(galaxies)
        return Predictions.of(galaxies, run, self.known).marked(repeated, Flag.REPEATED)

    def notes(self, predictions: Predictions) -> Iterator[str]:
        """What a user should know of all predictions together, a sentence each."""
        if flagged := int(predictions.flagged.sum()):
            yield (
                f"{flagged:,} of {len(predictions):,} galaxies are flagged and left out of the metrics: "
                f"{_listed(predictions)}."
            )
        elif validity.counts(predictions.flags):
            yield f"Of {len(predictions):,} galaxies: {_listed(predictions)}."
        if 2 * int(((predictions.flags & Flag.PIXEL_RANGE) != 0).sum()) > len(predictions):
            yield "Most images are outside the training range: are their pixels in nanomaggies?"
        if self.known is None and len(predictions):
            yield (
                f"{self.model} does not say what it was trained on, so magnitudes and pixels are not "
                "compared with that; python -m inference.training.note_range notes it."
            )


def _listed(predictions: Predictions) -> str:
    return ", ".join(f"{count:,} {text}" for text, count in validity.counts(predictions.flags).items())
