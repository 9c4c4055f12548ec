"""Replaying journals in tests, as `symbolon audit replay` does it."""

from collections.abc import Sequence

from node.audit.examined import Aim
from node.audit.findings import Report
from node.audit.inquest import Progress, inquire
from node.audit.parts import Journal


def replay(
    journals: Sequence[Journal],
    roots: Sequence[bytes],
    progress: Progress = lambda _stage, _count: None,
) -> Report:
    """Replay journals in this process and return the report."""
    return inquire(journals, roots, frozenset({Aim.REPLAY}), progress=progress).report
