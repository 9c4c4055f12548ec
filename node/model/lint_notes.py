"""What a look at a trust list finds: findings, and how they are noted down."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from node.errors import Refusal

FINDINGS_PER_FILE_MAX: Final = 100


class Severity(StrEnum):
    """How bad it is: nodes refuse it, it will hurt, or it is good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}


class Finding(Struct, frozen=True):
    """One thing found: where, and what to do, in a sentence for an official.

    `file` is a path under a role or the name of metadata; `field` is empty where it is the whole.
    """

    severity: Severity
    file: str
    field: str
    sentence: str


class Notes:
    """Takes findings down; of each file only the first hundred of a severity."""

    def __init__(self) -> None:
        """Begin with none."""
        self.findings: list[Finding] = []
        self._counts: dict[tuple[str, Severity], int] = {}

    def error(self, file: str, field: str, sentence: str) -> None:
        """Note what nodes refuse."""
        self._add(Severity.ERROR, file, field, sentence)

    def warning(self, file: str, field: str, sentence: str) -> None:
        """Note what will hurt somebody."""
        self._add(Severity.WARNING, file, field, sentence)

    def note(self, file: str, field: str, sentence: str) -> None:
        """Note what is good to know."""
        self._add(Severity.NOTE, file, field, sentence)

    def refused(self, file: str, field: str, refusal: Refusal) -> None:
        """Note a refusal as an error, with the field that its reason names."""
        reason = refusal.reason.removeprefix(f"trust list file {file}: ").removeprefix(f"{file}: ")
        what, _, where = reason.partition(" - at `$")
        missing = "Object missing required field `"
        if where:
            field = ".".join(part for part in (field, where.rstrip("`").lstrip(".")) if part)
        if what.startswith(missing):
            name = what.removeprefix(missing).rstrip("`")
            field = f"{field}.{name}".lstrip(".")
            what = _MISSING.get(name, "This field is missing; the schema says what it must hold")
        self.error(file, field, sentence_of(what))

    def spoils(self, country: str) -> bool:
        """Tell whether a country has an error already."""
        return any(
            finding.severity is Severity.ERROR
            and (f"/{country}/" in finding.file or finding.file == f"country-{country}.json")
            for finding in self.findings
        )

    def _add(self, severity: Severity, file: str, field: str, sentence: str) -> None:
        count = self._counts[file, severity] = self._counts.get((file, severity), 0) + 1
        if count == FINDINGS_PER_FILE_MAX:
            field = ""
            sentence = "There is more; mend what stands above, and look again."
        if count <= FINDINGS_PER_FILE_MAX:
            self.findings.append(Finding(severity, file, field, sentence))


_MISSING: Final = {
    "possession": "This key has no proof of possession; 'symbolon join' at the node makes one",
}


def sentence_of(text: str) -> str:
    """Return a reason as a sentence: a capital at its beginning and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
