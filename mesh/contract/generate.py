"""Generates `gen/` and `docs/errors.md` from `protos/`.

`python -m mesh.contract.generate [--check]`
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from filecmp import cmp
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
GEN = ROOT / "gen"
ERRORS = Path("docs/errors.md")
GOOGLEAPIS = (
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
)
MARKER = '"""Generated from protos/ by `make gen`; never edited."""\n'


def tool(name: str) -> str:
    """The path of a program installed beside this Python."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def copy_googleapis() -> None:
    """Lays the googleapis protos of the installed package where buf can see them."""
    target = BUILD / "googleapis"
    for name in GOOGLEAPIS:
        source = resources.files(name.rsplit("/", 1)[0].replace("/", ".")) / name.rsplit("/", 1)[1]
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())


def generate(target: Path) -> None:
    """Writes the whole `tradewind` package and the page of errors below `target`."""
    copy_googleapis()
    package = target / "tradewind"
    package.mkdir(parents=True)
    image = package / "image.binpb"
    subprocess.run(
        [tool("buf"), "build", "--as-file-descriptor-set", "-o", str(image)], cwd=ROOT, check=True
    )
    files = sorted(
        str(path.relative_to(ROOT / "protos")) for path in (ROOT / "protos").rglob("*.proto")
    )
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--descriptor_set_in={image}",
            f"--plugin=protoc-gen-mypy_grpc={tool('protoc-gen-mypy_grpc')}",
            f"--python_out={target}",
            f"--pyi_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_grpc_out=quiet:{target}",
            *files,
        ],
        check=True,
    )
    (package / "py.typed").touch()
    for folder in (package, *(path for path in package.rglob("*") if path.is_dir())):
        (folder / "__init__.py").write_text(MARKER)
    version = tomllib.loads((GEN / "pyproject.toml").read_text())["project"]["version"]
    describe(target, "openapi", str(package / "openapi.json"), version)
    (target / ERRORS).parent.mkdir()
    describe(target, "catalogue", str(target / ERRORS))


def describe(target: Path, module: str, *arguments: str) -> None:
    """Runs a generator of `mesh.contract` on the stubs below `target`, not on those installed."""
    subprocess.run(
        [sys.executable, "-m", f"mesh.contract.{module}", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(target)},
        check=True,
    )


def relative_files(root: Path) -> set[Path]:
    """Every generated file below `root`, without Python's caches."""
    return {
        path.relative_to(root)
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(fresh: Path, committed: Path) -> list[str]:
    """Names of the files that differ between two generated trees."""
    left, right = relative_files(fresh), relative_files(committed)
    changed = {
        path for path in left & right if not cmp(fresh / path, committed / path, shallow=False)
    }
    return sorted(str(path) for path in (left ^ right) | changed)


def main() -> int:
    """Regenerates what is derived from the contracts, or with `--check` reports what is stale."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on any drift")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        generate(fresh)
        if check:
            drift = [
                f"gen/tradewind/{name}"
                for name in differences(fresh / "tradewind", GEN / "tradewind")
            ]
            if not (ROOT / ERRORS).exists() or not cmp(
                fresh / ERRORS, ROOT / ERRORS, shallow=False
            ):
                drift.append(str(ERRORS))
            for name in drift:
                print(f"out of date: {name} (run `make gen`)", file=sys.stderr)
            return 1 if drift else 0
        shutil.rmtree(GEN / "tradewind", ignore_errors=True)
        shutil.copytree(fresh / "tradewind", GEN / "tradewind")
        shutil.copyfile(fresh / ERRORS, ROOT / ERRORS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
