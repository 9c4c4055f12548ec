"""The federation's list after ETSI TS 119 602: kept beside its sources, listed by its officers.

sources/etsi/scheme.json    what the form asks for beside the list; once it is there,
etsi/lote.json              is made anew whenever the targets role is staged
"""

from collections.abc import Container, Sequence

from node.errors import Code, Refusal
from node.model.federation import expiry
from node.model.lote import make_lote
from node.model.trust_entries import microseconds
from node.model.trust_files import (
    LOTE_FILE,
    SCHEME_FILE,
    FederationFile,
    NodeFile,
    SchemeFile,
    decode_file,
)
from node.store.sources import Sources


def etsi_files(
    sources: Sources, federation: FederationFile, version: int, now: int
) -> dict[str, bytes]:
    """Return the list as a file of the targets role; none where the federation keeps no such list.

    Raises:
        Refusal: MALFORMED where a source is not what it should be.
    """
    scheme = _scheme(sources)
    if scheme is None:
        return {}
    lote = make_lote(
        federation,
        _nodes(sources, federation),
        scheme,
        sequence_number=version,
        now=now,
        next_update=microseconds(expiry("targets", now)),
    )
    return {} if lote is None else {LOTE_FILE: lote}


def keep_scheme(sources: Sources, content: bytes | None, where: str) -> None:
    """Take the scheme file over into the sources, or remove it.

    Raises:
        Refusal: MALFORMED where it is none, UNKNOWN where there is none to remove.
    """
    if content is not None:
        decode_file(content, SchemeFile, where)
        sources.write(SCHEME_FILE, content)
    elif sources.read(SCHEME_FILE) is None:
        raise Refusal(Code.UNKNOWN, "the federation keeps no list after ETSI TS 119 602")
    else:
        sources.remove(SCHEME_FILE)


def forget_scheme(sources: Sources, listed: Container[str]) -> None:
    """Remove the scheme file, which is never published, where no list is made of it."""
    if LOTE_FILE not in listed:
        sources.remove(SCHEME_FILE)


def left_out(sources: Sources, federation: FederationFile) -> Sequence[str]:
    """Return why members are not in that list, a sentence each."""
    scheme, nodes = _scheme(sources), _nodes(sources, federation)
    told = []
    for member in federation.members if scheme is not None else ():
        if member.country not in nodes:
            told.append(f"{member.country} is left out: it has no node yet")
        elif scheme is not None and member.country not in scheme.authorities:
            told.append(f"{member.country} is left out: the scheme file gives no address of it")
    return told


def _scheme(sources: Sources) -> SchemeFile | None:
    content = sources.read(SCHEME_FILE)
    return None if content is None else decode_file(content, SchemeFile, SCHEME_FILE)


def _nodes(sources: Sources, federation: FederationFile) -> dict[str, NodeFile]:
    nodes: dict[str, NodeFile] = {}
    for member in federation.members:
        path = f"nodes/{member.country}/node.json"
        content = sources.read(path)
        if content is not None:
            nodes[member.country] = decode_file(content, NodeFile, path)
    return nodes
