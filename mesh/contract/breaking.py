"""Runs `buf breaking` against the contracts as they were before their last change."""

from __future__ import annotations

import subprocess
import sys

from mesh.contract.generate import BUILD, ROOT, copy_googleapis, tool

RULES = '{"version": "v2", "breaking": {"use": ["FILE"]}}'
"""The same rules as in buf.yaml, which speaks of modules and not of images."""
IMAGE = "gen/tradewind/image.binpb"


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def previous_image() -> bytes | None:
    """The committed image before the last change; None when history has no other.

    An uncommitted change is compared with HEAD, a committed one with the
    version before it.
    """
    commits = _git("log", "-2", "--format=%H", "--", IMAGE).decode().split()
    versions = [_git("show", f"{commit}:{IMAGE}") for commit in commits]
    present = (ROOT / IMAGE).read_bytes()
    return next((version for version in versions if version != present), None)


def main() -> int:
    """Exits with buf's status; 0 when there is nothing to compare with."""
    image = previous_image()
    if image is None:
        print("buf breaking: the contracts have no earlier version in this clone")
        return 0
    copy_googleapis()
    against, present = BUILD / "previous.binpb", BUILD / "present.binpb"
    against.write_bytes(image)
    for arguments in (
        ["build", "-o", str(present)],
        ["breaking", str(present), "--against", str(against), "--config", RULES],
    ):
        code = subprocess.run([tool("buf"), *arguments], cwd=ROOT, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
