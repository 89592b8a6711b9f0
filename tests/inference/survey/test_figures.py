"""The survey's pictures: colours survive the stretch, columns are at their redshifts, files stay small."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from inference.core.galaxies import Galaxies
from inference.survey import figures


def test_a_red_galaxy_is_drawn_red_and_faint_ones_dark() -> None:
    image = np.zeros((2, 5, 32, 32), np.float32)
    image[0, [3, 2, 1], 16, 16] = 2.0, 1.0, 0.2
    image[1, [3, 2, 1], 16, 16] = 0.02
    picture = figures.composite(image)
    assert picture.shape == (2, 32, 32, 3)
    red, green, blue = picture[0, 16, 16]
    assert red > green > blue
    assert picture[1].max() < 0.2 < picture[0].max()
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_columns_hold_the_galaxies_nearest_to_their_redshift(survey: Galaxies) -> None:
    found = survey.redshift[figures.choose(survey)]
    assert found.shape == (figures.ROWS, len(figures.COLUMNS))
    assert np.abs(found - np.array(figures.COLUMNS)).max() < 0.05


def test_the_command_writes_small_pictures(tmp_path: Path) -> None:
    assert figures.main(["--output", str(tmp_path), "--count", "300"]) == 0
    for name in ("survey.png", "colours.png"):
        content = (tmp_path / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 200_000


def test_a_folder_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("")
    assert figures.main(["--output", str(tmp_path / "taken"), "--count", "300"]) == 1
    assert capsys.readouterr().err == f"error: cannot write into {tmp_path / 'taken'}: File exists\n"


def test_the_types_lines_are_within_their_panels(
    survey: Galaxies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    figures.colours(survey, tmp_path / "colours.png")
    for axis in drawn[0].axes[:4]:
        low, high = axis.get_ylim()
        values = np.concatenate([np.asarray(line.get_ydata()) for line in axis.lines])
        assert len(axis.lines) == 4
        assert low < values.min()
        assert values.max() < high
