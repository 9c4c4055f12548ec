"""`receipt print`: a receipt on paper, for people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json, Root, own_root, read_root, replace_file
from node.cli.output import give
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console


def read_receipt(file: Path) -> bytes:
    """Read a receipt from its file, or from the PDF that carries it.

    Raises:
        Refusal: MALFORMED where a PDF carries none.
    """
    from node.audit.paper import PAPER_SIZE_MAX_BYTES, is_paper, read_paper

    with file.open("rb") as stream:
        data = stream.read(PAPER_SIZE_MAX_BYTES + 1)
    return read_paper(data) if is_paper(data) else data


def print_receipt(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The receipt.")
    ],
    out: Annotated[Path | None, typer.Option(help="The PDF.", show_default="FILE.pdf")] = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Check a receipt and print it: a PDF for people that carries the receipt itself.

    The same receipt makes the same bytes. 'receipt verify' takes the PDF as it takes the file.
    """
    from node.audit import paper
    from node.audit.receipt import check_receipt

    target = file.with_suffix(".pdf") if out is None else out
    if target.exists():
        raise Refusal(Code.CONFLICT, f"{target} is there already; name another with --out")
    data = read_receipt(file)
    pdf = paper.print_receipt(data, check_receipt(data, read_root(root or own_root(context))))
    replace_file(target, lambda fresh: fresh.write_bytes(pdf))

    def show(console: "Console") -> None:
        console.print(f"[bold green]✓[/] Printed to [bold]{target}[/], {len(pdf):,} bytes")

    give(as_json, {"file": str(target), "size_bytes": len(pdf)}, show)
