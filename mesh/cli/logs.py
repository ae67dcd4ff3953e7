"""Bounds log files while processes write to them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

MAX_LOG_BYTES = 5_000_000
"""A log larger than this is set aside as `.1`, over the one that was there."""


def rotate(log: Path, most: int) -> bool:
    """Copies a log of more than `most` bytes to `.1` and empties it; whether it did.

    The process goes on writing to the same file, which it has open to append, so
    it need not know. What it writes between the copy and the cut is lost.

    Raises:
        OSError: it could not be copied; it has been emptied all the same, for a
            full disk is worse than a lost log.
    """
    try:
        if log.stat().st_size <= most:
            return False
    except FileNotFoundError:
        return False
    aside = log.with_name(f"{log.name}.1")
    scratch = log.with_name(f"{log.name}.new")
    try:
        shutil.copyfile(log, scratch)
        scratch.chmod(0o600)
        scratch.replace(aside)
    finally:
        os.truncate(log, 0)
        scratch.unlink(missing_ok=True)
    return True


def rotate_all(logs: Iterable[Path], most: int = MAX_LOG_BYTES) -> list[str]:
    """Rotates what is too large; answers what went wrong, in words."""
    problems = []
    for log in logs:
        try:
            rotate(log, most)
        except OSError as error:
            problems.append(f"{log} was emptied, for it could not be set aside: {error.strerror}")
    return problems
