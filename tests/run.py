"""Runs all tests with coverage, in subprocesses too: `python -m tests.run [pytest arguments]`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def coverage(*arguments: str) -> int:
    """Runs one step of coverage; its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False
    ).returncode


def main() -> int:
    """Erases, runs, combines, reports; fails when a test does or coverage is too low."""
    environment = os.environ
    environment["COVERAGE_FILE"] = str(ROOT / ".coverage")
    environment["PYTHONPATH"] = str(ROOT)
    coverage("erase")
    tests = coverage("run", "-m", "pytest", *sys.argv[1:])
    combined = coverage("combine", "--quiet")
    report = coverage("report") if combined == 0 else combined
    return tests or report


if __name__ == "__main__":
    sys.exit(main())
