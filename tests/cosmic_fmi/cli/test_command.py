"""`cosmic-fmi`, run as a user runs it."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

from cosmic_fmi.cli.catalogue import GROUPS, modules, spellings
from cosmic_fmi.experiment.paths import REPOSITORY

COMMAND = str(Path(sys.executable).with_name("cosmic-fmi"))
SCRIPTS = {
    "run_experiment": ["run"],
    "tune": ["tune"],
    "destroy": ["destroy"],
    "collect_logs": ["logs"],
    "refresh_prices": ["prices"],
    "prepare_data": ["data", "prepare"],
    "make_sample": ["sample"],
    "pretrain": ["pretrain"],
    "train": ["train"],
    "convert_checkpoint": ["convert"],
    "export_model": ["export"],
}
HEAVY = {"torch", "matplotlib", "moto", "boto3", "onnxruntime", "pyarrow", "scipy"}
PATIENCE_S = 120


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=REPOSITORY
    )


def test_help_lists_every_command_in_its_group_with_an_example() -> None:
    done = run(COMMAND, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for group in GROUPS:
        listed = done.stdout.split(f"\n{group.title}:\n", 1)[1].split("\n\n", 1)[0]
        for command in group.commands:
            assert re.search(rf"^  {command.name} +{re.escape(command.summary)}$", listed, re.MULTILINE)
        assert listed.endswith(group.example)
        assert len(max(listed.splitlines(), key=len)) <= 80
    assert run(COMMAND, "-h").stdout == done.stdout


def test_without_a_command_help_is_an_error() -> None:
    done = run(COMMAND)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: cosmic-fmi COMMAND" in done.stderr


def test_version() -> None:
    done = run(COMMAND, "--version")
    assert (done.returncode, done.stdout) == (0, f"cosmic-fmi {version('cosmic-fmi')}\n")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("rnu", "'run'"), ("run_experiment", "'run'"), ("prepare", "'data'"), ("localcloud", "'local'")],
)
def test_an_unknown_command_is_a_sentence_with_the_nearest(word: str, meant: str) -> None:
    done = run(COMMAND, word, "--target", "aws")
    assert (done.returncode, done.stdout) == (2, "")
    said = f"cosmic-fmi: there is no command {word!r}; did you mean {meant}?"
    assert done.stderr == f"{said} `cosmic-fmi --help` lists the commands.\n"


@pytest.mark.parametrize("word", ["xyzzy", "--verbose"])
def test_a_word_like_none_is_a_sentence(word: str) -> None:
    done = run(COMMAND, word)
    assert done.returncode == 2
    assert re.fullmatch(
        rf"cosmic-fmi: there is no \w+ '?{word}'?[ a-z]*\. `cosmic-fmi --help` lists the commands\.\n",
        done.stderr,
    )


def test_every_spelling_leads_to_a_command() -> None:
    words = [word for word, _ in spellings()]
    assert len(words) == len(set(words))
    assert {name for _, name in spellings()} == set(modules())


@pytest.mark.parametrize("name", list(modules()))
def test_help_of_a_command_is_fast_and_has_an_example(name: str) -> None:
    code = (
        "import sys\nfrom cosmic_fmi.cli import main\n"
        f"try:\n    main([{name!r}, '--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "print('loaded', *{module.partition('.')[0] for module in sys.modules})\n"
    )
    done = run(sys.executable, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    helped, _, loaded = done.stdout.rpartition("loaded ")
    assert not HEAVY & set(loaded.split())
    assert helped.startswith(f"usage: cosmic-fmi {name} ")
    assert re.search(rf"example.*\bcosmic-fmi {name} ", helped, re.DOTALL)


def test_help_takes_little_processor_time() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run(COMMAND, "--help").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    bare = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run(sys.executable, "-c", "").returncode == 0
    start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - bare.ru_utime
    assert after.ru_utime - before.ru_utime - start < 0.3


@pytest.mark.parametrize(("script", "words"), SCRIPTS.items())
def test_a_script_is_the_command_under_another_name(script: str, words: list[str]) -> None:
    path = str(REPOSITORY / "scripts" / f"{script}.py")
    for arguments in (["--help"], ["--no-such-option"]):
        ours, theirs = run(COMMAND, *words, *arguments), run(sys.executable, path, *arguments)
        assert (ours.returncode, ours.stdout, ours.stderr) == (
            theirs.returncode,
            theirs.stdout,
            theirs.stderr,
        )
    assert ours.returncode == 2


def test_a_script_without_an_installation_says_what_to_do(tmp_path: Path) -> None:
    for name in SCRIPTS:
        path = REPOSITORY / "scripts" / f"{name}.py"
        done = subprocess.run(
            [sys.executable, "-S", "-E", str(path), "--help"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "run `make setup`" in done.stderr


def test_the_module_is_the_command() -> None:
    assert run(sys.executable, "-m", "cosmic_fmi", "--help").stdout == run(COMMAND, "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "interrupted"),
    [
        (["run", "--dry-run"], "cosmic_fmi.experiment.sweep.session"),
        (["tune", "--dry-run"], "cosmic_fmi.experiment.model.tuned"),
        (["report", "results"], "cosmic_fmi.experiment.report.report"),
        (["predict", "--data", "sample.pt"], "inference.predict_files"),
        (["train", "--encoder", "e", "--output", "o"], "inference.training.commands"),
        (["local", "status"], "cosmic_fmi.localcloud.client"),
        (["fmi", "hello"], "fmi"),
        (["bill", "results"], "cosmic_fmi.cli.experiments.bill"),
    ],
)
def test_ctrl_c_while_modules_are_imported_is_one_line(arguments: list[str], interrupted: str) -> None:
    code = f"""
import os, signal, sys
class Pressed:
    def find_spec(self, name, *_):
        if name == {interrupted!r}:
            os.kill(os.getpid(), signal.SIGINT)
            try:
                for _ in range(1000): pass
            except KeyboardInterrupt:
                raise ImportError("an import that takes Ctrl-C for a missing library") from None
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Pressed())
from cosmic_fmi.cli import main
sys.exit(main({arguments!r}))
"""
    done = run(sys.executable, "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


def test_ctrl_c_before_the_command_is_known_is_one_line() -> None:
    code = (
        "import signal, sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'cosmic_fmi.cli.dispatch': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "from cosmic_fmi.cli import main\n"
        "sys.exit(main(['run']))\n"
    )
    done = run(sys.executable, "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


def test_ctrl_c_that_is_ignored_stays_so() -> None:
    code = (
        "import os, signal\nfrom cosmic_fmi.cli.loading import loading\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "with loading(): os.kill(os.getpid(), signal.SIGINT)\n"
        "print('went on')\n"
    )
    assert run(sys.executable, "-c", code).stdout == "went on\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--world-size", "0"],
        ["run", "--resume"],
        ["tune", "--payload", "x.json"],
        ["simulate", "--gigabytes", "-1"],
        ["data", "prepare", "--data", "x.pt"],
        ["sample", "--output", "x.npz"],
        ["predict", "--data", "x", "--batch-size", "0"],
        ["pretrain", "--output", "x", "--learning-rate", "2"],
        ["convert", "x.pt", "--output", "x.onnx"],
        ["export", "x.pt", "--output", "x.pt"],
        ["local", "start", "--port", "99999"],
    ],
)
def test_bad_arguments_are_refused_before_anything_heavy_is_imported(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom cosmic_fmi.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n"
        "    print(end.code, *{module.partition('.')[0] for module in sys.modules})\n"
    )
    done = run(sys.executable, "-c", code)
    status, *loaded = done.stdout.split()
    assert status == "2", done.stderr
    assert not HEAVY & set(loaded)
    assert done.stderr.startswith(f"usage: cosmic-fmi {arguments[0]}")


def test_every_module_of_the_catalogue_has_a_parser_of_its_name() -> None:
    for name, module in modules().items():
        assert import_module(module).parser().prog == f"cosmic-fmi {name}"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["bill", "--help"]])
def test_a_reader_that_leaves_early_sees_no_traceback(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [COMMAND, *arguments],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode in (0, 1)  # argparse says nothing of it
    assert done.stderr == ""


def test_a_package_that_this_machine_cannot_have_is_named(tmp_path: Path) -> None:
    sample = ["sample", "--count", "1", "--output", str(tmp_path / "sample.pt")]
    code = (
        f"import sys; sys.modules['torch'] = None\nfrom cosmic_fmi.cli import main; sys.exit(main({sample}))"
    )
    done = run(sys.executable, "-c", code)
    assert done.returncode == 1
    assert (
        done.stderr == "Error: this needs torch, which is not installed (it has no builds for Intel Macs).\n"
    )
