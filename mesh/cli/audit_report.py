"""How the audit's findings are told."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mesh.cli.audit_books import Finding

SHOWN = 20
"""How many offenders of one invariant the text names; the JSON names all."""


def as_json(findings: Sequence[Finding]) -> str:
    """For programs."""
    return json.dumps(
        {
            "clean": not any(finding.offenders for finding in findings),
            "invariants": [
                {
                    "name": finding.invariant,
                    "checked": finding.checked,
                    "offenders": list(finding.offenders),
                }
                for finding in findings
            ],
        },
        indent=2,
    )


def _lines(finding: Finding) -> list[str]:
    mark = "BREACH" if finding.offenders else "ok"
    head = f"{mark:<7} {finding.invariant} ({finding.checked} checked)"
    more = len(finding.offenders) - SHOWN
    shown = [f"        {offender}" for offender in finding.offenders[:SHOWN]]
    return [head, *shown, *([f"        and {more} more"] if more > 0 else [])]


def as_text(findings: Sequence[Finding]) -> str:
    """For people."""
    broken = sum(bool(finding.offenders) for finding in findings)
    lines = [line for finding in findings for line in _lines(finding)]
    verdict = f"{broken} invariants are broken" if broken else "clean"
    return "\n".join([*lines, verdict])
