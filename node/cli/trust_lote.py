"""`trust lote`: the federation's members as a list after ETSI TS 119 602."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json, read_bounded
from node.cli.officer import now
from node.cli.trust_federation import Directory, say_staged
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console


def lote(
    directory: Directory,
    scheme: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SCHEME]", exists=True, dir_okay=False, help="Addresses and names: JSON."
        ),
    ] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Keep no such list any more.")] = False,
    as_json: Json = False,
) -> None:
    """Stage the list of members in the form of ETSI TS 119 602, as etsi/lote.json.

    With a scheme file the federation keeps such a list from then on: it is made anew whenever
    targets is staged. Without one, it is made of the sources as they are now. The officers of
    targets sign it; no node relies on it.
    """
    from node.model.federation_files import read_federation
    from node.model.trust_files import FILE_SIZE_MAX_BYTES, SCHEME_FILE
    from node.store.etsi import keep_scheme, left_out
    from node.store.federation import Federation
    from node.store.sources import Sources

    if remove and scheme is not None:
        raise Refusal(Code.MALFORMED, "name a scheme file or say --remove, not both")
    federation = Federation(directory)
    sources = Sources(directory / "sources")
    with federation.locked():
        if remove or scheme is not None:
            content = None if scheme is None else read_bounded(scheme, FILE_SIZE_MAX_BYTES)
            keep_scheme(sources, content, str(scheme))
        elif sources.read(SCHEME_FILE) is None:
            raise Refusal(Code.MALFORMED, "name a scheme file: this federation keeps none yet")
        federation.renew("targets", now())
        notes = left_out(sources, read_federation(sources.of_federation()))

        def show(console: "Console") -> None:
            for note in notes:
                console.print("[yellow]Note:[/] ", end="")
                console.print(note, markup=False)

        say_staged(federation, as_json, show, {"notes": notes})
