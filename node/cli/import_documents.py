"""`registry import-documents`: signed documents of others, verified, then read as rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.context import Json, act, read_bounded, replace_file
from node.cli.import_command import (
    DryRun,
    KeepGood,
    Reason,
    Report,
    finish,
    read_mapping_file,
    write_report,
)
from node.cli.life_commands import As, person
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from typing import Any

    from cryptography.x509 import Certificate

    from node.documents.verify import Known
    from node.wire.import_mapping import ColumnMapping
    from node.wire.sheets import Row

_SIZE_MAX_BYTES: Final = 2 << 20


Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        exists=True,
        dir_okay=False,
        help="One document in each: W3C VC 2.0, Open Badges 3.0, SD-JWT VC, Europass (JAdES).",
    ),
]
Paths = Annotated[
    Path,
    typer.Option(
        "--mapping",
        metavar="TOML",
        help="Where in the documents each column stands, like credentialSubject.id.",
    ),
]
DidDocuments = Annotated[
    list[Path] | None,
    typer.Option("--did-document", exists=True, help="DID document of an issuer you trust."),
]
StatusLists = Annotated[
    list[Path] | None,
    typer.Option("--status-list", exists=True, help="Status list that they name."),
]
Certificates = Annotated[
    list[Path] | None,
    typer.Option("--certificate", exists=True, help="PEM: whose JAdES seals you trust."),
]


def import_documents(
    context: typer.Context,
    files: Files,
    *,
    mapping_file: Paths,
    did_documents: DidDocuments = None,
    status_lists: StatusLists = None,
    certificates: Certificates = None,
    reason: Reason = "",
    keep_good: KeepGood = False,
    dry_run: DryRun = False,
    report_file: Report = None,
    role: As = "registrar",
    as_json: Json = False,
) -> None:
    """Bring in records out of signed documents; each is verified first, and nothing is fetched.

    A row is the place of a document on the command line. Exit status as of 'registry import'.
    """
    from time import perf_counter

    from node.flows.import_staging import MemoryStaging
    from node.store.import_files import ImportOrder

    require_extra()
    mapping = read_mapping_file(mapping_file)
    order = ImportOrder(person(role), mapping, keep_good, reason, dry_run)
    known, trusted = _known(did_documents or [], status_lists or []), _trusted(certificates or [])
    started_s = perf_counter()
    rows = [
        _row(number, _read(file), known, trusted, mapping)
        for number, file in enumerate(files, start=1)
    ]
    staging = MemoryStaging()
    report = act(
        context,
        lambda node: node.registry.import_credentials(
            rows, keep_good=keep_good, by=order.by, reason=reason, dry_run=dry_run, staging=staging
        ),
        stating=True,
    )
    if report_file is not None:
        replace_file(report_file, lambda fresh: write_report(fresh, staging.rejected()))
    finish(report, order, report_file, perf_counter() - started_s, as_json=as_json)


def require_extra() -> None:
    """Refuse where what verifies documents is not installed.

    Raises:
        Refusal: MALFORMED.
    """
    from importlib.util import find_spec

    if not all(find_spec(name) for name in ("joserfc", "pyld", "rfc8785")):
        raise Refusal(Code.MALFORMED, "import-documents: install symbolon[documents]")


def _row(
    number: int,
    content: bytes,
    known: "Known",
    trusted: "list[Certificate]",
    mapping: "ColumnMapping",
) -> "Row":
    from node.wire.import_documents import row_of_document
    from node.wire.rows import Fault
    from node.wire.sheets import Row

    try:
        return row_of_document(number, _verified(content, known, trusted), mapping)
    except Refusal as refusal:
        came = dict.fromkeys(mapping.columns.values())
        return Row(number, {}, (Fault("row", f"is not verified: {refusal.reason}"),), came)


def _verified(content: bytes, known: "Known", trusted: "list[Certificate]") -> "dict[str, Any]":
    """Return what a document says, where every check of it was made and held.

    Raises:
        Refusal: with the first check that did not, or could not be made.
    """
    from node.documents.jades import is_jades, verify_jades
    from node.documents.verify import Verdict, verify

    if is_jades(content):
        return verify_jades(content, trusted, known.now)
    found = verify(content, known)
    for one in found.findings:
        if one.verdict is not Verdict.PASS:
            raise Refusal(Code.UNTRUSTED, f"{one.check.value}: {one.sentence}")
    return found.content


def _known(did_documents: list[Path], status_lists: list[Path]) -> "Known":
    from node.assembly import clock
    from node.documents.did import read_did_document
    from node.documents.strict_json import read_object
    from node.documents.verify import Known

    keys = {}
    for path in did_documents:
        keys.update(read_did_document(_read(path))[1])
    lists = {}
    for path in status_lists:
        content = _read(path)
        lists[str(read_object(content, "--status-list").get("id"))] = content
    return Known(keys, clock(), lists)


def _trusted(files: list[Path]) -> "list[Certificate]":
    from cryptography.x509 import load_pem_x509_certificates

    trusted: list[Certificate] = []
    for file in files:
        try:
            trusted += load_pem_x509_certificates(_read(file))
        except ValueError:
            raise Refusal(Code.MALFORMED, "--certificate: must hold certificates, as PEM") from None
    return trusted


def _read(file: Path) -> bytes:
    return read_bounded(file, _SIZE_MAX_BYTES)
