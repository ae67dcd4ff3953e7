"""Writes the document: `python -m mesh.contract.openapi FILE VERSION`."""

from __future__ import annotations

import sys
from pathlib import Path

from mesh.contract.openapi.document import document_text

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document_text(sys.argv[2]))
