"""A script runs as `python script.py` would, and the process is as before when it is done."""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from containers.executor.script import run as script
from containers.executor.script.output import TAIL_LINES, Tail
from containers.executor.script.run import MESSAGE_LENGTH, TRACEBACK_LENGTH, run, variables


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


@pytest.mark.parametrize(
    "statement",
    [
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8'); print('é')",
        "sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8'); print('é')",
        "sys.stdout.buffer.write('é\\n'.encode())",
        "print('é'); sys.stdout.close()",
        "with sys.stdout: print('é')",
    ],
)
def test_the_process_still_prints_whatever_a_script_did_to_its_stream(
    statement: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, f"import io, sys\n{statement}")
    assert run(path, path.parent).output_tail == ["é"]
    print("after")
    assert capsys.readouterr().out == "é\nafter\n"


def test_what_is_no_text_is_printed_and_reported_all_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, "print('caf\\udce9')\nopen('caf\\udce9')")
    result = run(path, path.parent)
    assert result.output_tail == ["caf\\udce9"]
    assert result.error_message == r"[Errno 2] No such file or directory: 'caf\udce9'"
    (result.traceback or "").encode()


def test_a_huge_message_is_shortened_and_the_traceback_keeps_its_frames(tmp_path: Path) -> None:
    for statement in ("raise ValueError('x' * 300_000)", "raise SystemExit('x' * 300_000)"):
        path = write(tmp_path, statement)
        result = run(path, path.parent)
        assert len(result.error_message or "") == MESSAGE_LENGTH
        assert len(result.traceback or "") <= TRACEBACK_LENGTH
        assert result.traceback is None or 'main.py", line 1' in result.traceback


def test_an_exception_without_a_readable_message_is_a_result_too(tmp_path: Path) -> None:
    path = write(tmp_path, "class Odd(Exception):\n    def __str__(self): raise RuntimeError\nraise Odd('x')")
    assert run(path, path.parent).error_type == "Odd"


def test_a_scripts_threads_end_before_it_does(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "import os, pathlib, threading, time\nhere = os.getcwd()\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import string; string.kept = ThreadPoolExecutor()  # as libraries keep one\n"
        "string.kept.submit(int).result()\n"
        "def late(): time.sleep(0.3); pathlib.Path(here, 'done').touch()\n"
        "threading.Thread(target=late).start()\n",
    )
    assert run(path, path.parent).exit_code == 0
    assert (path.parent / "done").exists()


@pytest.mark.parametrize("end", ["sys.exit(7)", "raise ValueError('in the copy')"])
def test_a_forked_copy_of_the_process_ends_with_the_script(end: str, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"import os, sys\ncopy = os.fork()\nif copy == 0:\n    {end}\n"
        "print('status', os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]))",
    )
    caller = (
        "import sys; from pathlib import Path; from containers.executor.script.run import run\n"
        "path = Path(sys.argv[1]); print('ended', run(path, path.parent).exit_code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", caller, str(path)], check=True, capture_output=True, text=True, timeout=60
    )
    status = 7 if "exit" in end else 1
    assert done.stdout.splitlines() == [f"status {status}", "ended 0"]
    assert ("ValueError: in the copy" in done.stderr) == (status == 1)


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


def test_what_would_disturb_the_next_execution_is_undone(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "import logging, signal, tempfile\n"
        "logging.basicConfig(level='DEBUG', handlers=[logging.NullHandler()], force=True)\n"
        "logging.disable()\nsignal.alarm(1000)\ntempfile.tempdir = 'elsewhere'",
    )
    handler, folder = logging.StreamHandler(io.StringIO()), tempfile.gettempdir()
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    try:
        assert run(path, path.parent).exit_code == 0
        assert handler in root.handlers
        assert (root.level, root.manager.disable) == (level, 0)
    finally:
        root.removeHandler(handler)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert tempfile.gettempdir() == folder


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
