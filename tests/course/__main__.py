"""python -m tests.course FOLDER: run the course's programs on an embedded AWS; `make test-course` does it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.course.folder import CourseError, find


def main(arguments: list[str]) -> int:
    """Run the tests on the folder that is the first argument; pytest's exit status, or 2 without a course."""
    try:
        course = find(arguments[0] if arguments else None)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    os.environ["COURSE"] = str(course.root)
    tests = [str(path) for path in sorted(Path(__file__).parent.glob("published_*.py"))]
    return int(pytest.main([*tests, "-v", "-rA", *arguments[1:]]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
