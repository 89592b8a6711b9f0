"""A script runs as `python script.py` would, and the process is as before when it is done."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from containers.executor import script
from containers.executor.script import TAIL_LINES, Tail, run, variables


def write(root: Path, source: str, name: str = "main.py") -> Path:
    path = root / "bundle" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    return path


def test_output_passes_through_and_its_end_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path, "import sys\nfor i in range(100): print('line', i)\nprint('err', file=sys.stderr, end='')"
    )
    result = run(path, path.parent)
    assert result.exit_code == 0
    assert result.error_type is None
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 100
    assert captured.err == "err"
    assert len(result.output_tail) == TAIL_LINES
    assert result.output_tail[-2:] == ["line 99", "err"]


def test_an_exception_comes_with_the_scripts_own_traceback(tmp_path: Path) -> None:
    path = write(tmp_path, "def f():\n    raise ValueError('no such band')\nf()")
    result = run(path, path.parent)
    assert (result.exit_code, result.error_type, result.error_message) == (1, "ValueError", "no such band")
    assert result.traceback is not None
    assert "line 2, in f" in result.traceback
    assert "runpy" not in result.traceback
    assert str(script.__file__) not in result.traceback


@pytest.mark.parametrize(
    ("statement", "exit_code", "message"),
    [
        ("sys.exit(0)", 0, None),
        ("sys.exit()", 0, None),
        ("sys.exit(3)", 3, "the script exited with status 3"),
        ("sys.exit('no data')", 1, "the script exited with: no data"),
        ("raise KeyboardInterrupt", 1, ""),
    ],
)
def test_exit_codes(tmp_path: Path, statement: str, exit_code: int, message: str | None) -> None:
    path = write(tmp_path, f"import sys\nprint('before')\n{statement}")
    result = run(path, path.parent)
    assert (result.exit_code, result.error_message) == (exit_code, message)
    assert result.output_tail == ["before"]


def test_a_missing_script_and_a_syntax_error_are_results_too(tmp_path: Path) -> None:
    assert run(tmp_path / "bundle" / "none.py", tmp_path).error_type == "FileNotFoundError"
    path = write(tmp_path, "def")
    assert run(path, path.parent).error_type == "SyntaxError"


def test_the_script_sees_itself_as_main(tmp_path: Path) -> None:
    path = write(tmp_path, "import os, sys\nprint(__name__, os.getcwd(), sys.argv, sys.path[0], __file__)")
    [line] = run(path, path.parent).output_tail
    folder = path.parent
    assert line == f"__main__ {folder} ['{path}'] {folder} {path}"


def test_the_process_is_as_before(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "import os, sys\nos.environ['ADDED'] = '1'\ndel os.environ['HOME']\nos.chdir('/')\n"
        "sys.path.append('/x')\nsys.argv.append('x')\nraise SystemExit(1)",
    )
    before = dict(os.environ), Path.cwd(), list(sys.path), list(sys.argv), sys.stdout, sys.dont_write_bytecode
    with variables({"RANK": "3"}):
        assert os.environ["RANK"] == "3"
        run(path, path.parent)
    assert (
        dict(os.environ),
        Path.cwd(),
        list(sys.path),
        list(sys.argv),
        sys.stdout,
        sys.dont_write_bytecode,
    ) == before


def test_modules_of_the_bundle_are_loaded_anew_and_others_stay(tmp_path: Path) -> None:
    path = write(
        tmp_path, "import helper, fractions\nfrom package import part\nprint(helper.value, part.value)"
    )
    write(tmp_path, "value = 1", "helper.py")
    (path.parent / "package").mkdir()  # a namespace package has no __file__
    (path.parent / "package" / "part.py").write_text("value = 1")
    assert run(path, path.parent).output_tail == ["1 1"]
    assert "helper" not in sys.modules
    assert "package" not in sys.modules
    assert "package.part" not in sys.modules
    assert "fractions" in sys.modules
    write(tmp_path, "value = 2", "helper.py")
    (path.parent / "package" / "part.py").write_text("value = 2")
    assert run(path, path.parent).output_tail == ["2 2"], "same size and same second, but new code"


def test_a_tail_puts_pieces_together_and_shortens_long_lines() -> None:
    tail = Tail()
    for piece in ("a", "b\nc", "\n", "x" * 2000):
        tail.add(piece)
    assert tail.lines() == ["ab", "c", "x" * 500]
