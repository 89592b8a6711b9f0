"""What a model was trained on: noted by training, or beside it, and what happens without."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from inference.core import training_range
from inference.core.config import ModelError
from inference.core.galaxies import Galaxies
from inference.core.training_range import TrainingRange
from inference.data.partitions import write
from inference.predict import DEFAULT_MODEL
from inference.rank.judge import Judge
from inference.training import note_range


def test_a_range_comes_back(survey: Galaxies, tmp_path: Path, tiny: Path) -> None:
    model = Path(shutil.copy(tiny, tmp_path / "m.safetensors"))
    assert training_range.of_model(model) is None
    (tmp_path / "data").mkdir()
    for number, rows in ((1, slice(0, 500)), (2, slice(500, 1024))):
        write(tmp_path / "data" / f"{number}.pt", survey[rows])
    assert note_range.main([str(model), "--data", str(tmp_path / "data")]) == 0
    found = training_range.of_model(model)
    assert found is not None
    assert found.as_dict() == TrainingRange.of(survey).as_dict()
    training_range.range_path(model).write_text('{"magnitude_least": [1]}')
    with pytest.raises(ModelError, match="the range that it was trained on cannot be read"):
        training_range.of_model(model)


def test_the_shipped_range_is_of_the_survey_that_the_checkpoint_learned_from() -> None:
    known = training_range.of_model(DEFAULT_MODEL)
    assert known is not None
    first = next(note_range._survey(DEFAULT_MODEL))
    assert not known.magnitudes_outside(first.magnitude).any()
    assert (TrainingRange.of(first).magnitude_least >= known.magnitude_least).all()


def test_beyond_the_margin_is_outside(survey: Galaxies) -> None:
    known = TrainingRange.of(survey)
    width = known.magnitude_most - known.magnitude_least
    for part, outside in ((0.09, False), (0.11, True)):
        for edge, sign in ((known.magnitude_most, 1), (known.magnitude_least, -1)):
            tested = survey.magnitude[:1].copy()
            tested[0, 3] = edge[3] + sign * part * width[3]
            assert known.magnitudes_outside(tested).tolist() == [outside]


def test_without_a_range_a_note_says_so(survey: Galaxies, tiny: Path, tmp_path: Path) -> None:
    from inference.engines.base import Run

    judge = Judge(Path(shutil.copy(tiny, tmp_path / "m.safetensors")))
    predictions = judge(survey[:5], Run(np.full(5, 0.2)))
    assert predictions.in_range is None
    assert [*judge.notes(predictions)] == [
        f"{tmp_path / 'm.safetensors'} does not say what it was trained on, so magnitudes and pixels are not "
        "compared with that; python -m inference.training.note_range notes it."
    ]


def test_models_and_data_that_say_nothing(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, says in (
        ([str(tiny)], "does not say which galaxies it learned from; give --data"),
        ([str(tiny), "--data", str(tmp_path)], "holds no .pt or .safetensors files"),
    ):
        assert note_range.main(arguments) == 1
        assert says in capsys.readouterr().err
    assert json.loads(training_range.range_path(DEFAULT_MODEL).read_text()).keys() == set(
        training_range.NAMES
    )
