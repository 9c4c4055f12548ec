"""Every format that is read: what reads back is the only spelling, or is written the same again.

In an exact format any bytes that read at all are what would be written: two readers never see two
things, and nothing hides between the fields. In a lenient one (JSON files that people edit, share
codes that people type, a parcel whose reader is newer) what was read, written and read again is
the same, and written the same from then on.

Beside these, with laws of their own: add-checkpoint requests (`test_cosignature_laws`), exports
(`test_export_laws`), inclusion proofs (`test_note_laws`), CSV and JSON sheets (`test_sheets_laws`),
paths and bundles (`test_tiles_laws`).
"""

from binascii import b2a_base64
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from tuf.api.metadata import Metadata

from node.cli.node_commands import _render as render_settings
from node.errors import Code, Refusal
from node.model.cosignature import CosignatureSigner
from node.model.federation import (
    Staged,
    make_targets,
    read_public_key,
    read_staged,
    render_public_key,
    render_staged,
    sign,
)
from node.model.federation_files import JOIN_FORMAT, JoinRequest, render
from node.model.fork import Fork
from node.model.note import (
    Checkpoint,
    Ed25519Signer,
    Mldsa44Signer,
    VerifierKey,
    sign_checkpoint,
    split_note,
)
from node.model.seal import Sealed
from node.model.share_code import make
from node.model.share_code import parse as parse_share_code
from node.model.statement import CredentialRegistered, Statement
from node.model.trust import extract
from node.model.trust_files import KINDS, decode_file
from node.settings import (
    ListenSettings,
    NodeSettings,
    SealSettings,
    Settings,
    TrustSettings,
)
from node.wire.codec import decode_statement, encode_statement
from node.wire.evidence import ForkEvidence, decode_evidence, encode_evidence
from node.wire.parcel import Item, Refused, encode_parcel, parse_parcel
from node.wire.receipt import Receipt, decode_receipt, encode_receipt
from tests.federation import START, node_file, origin, role_signer, trust_files
from tests.strategies import texts
from tests.world import sample_credential, sample_trust

Parse = Callable[[bytes], Any]
Write = Callable[[Any], bytes]


class Format(Struct, frozen=True):
    """How something is read and written, and one that is right."""

    parse: Parse
    write: Write
    sample: bytes


# --- samples -------------------------------------------------------------------------------

LOG = Ed25519Signer(origin("XA"), sha256(b"log").digest())
HEADS = [Checkpoint(origin("XA"), size, sha256(bytes([size])).digest()) for size in (3, 7)]
NOTE, LATER = (sign_checkpoint(head, [LOG], 5) for head in HEADS)
COSIGNED = NOTE + CosignatureSigner("w.example", sha256(b"w").digest()).sign(HEADS[0], 5)
FORK = Fork(NOTE, LATER, bytes(range(64)))
TRUST = sample_trust()
SAID = encode_statement(
    Statement("XA", START, TRUST.view.reference, CredentialRegistered(sample_credential()))
)
SEALED = Sealed(SAID, bytes(32), 2, bytes(range(64)), NOTE)
LIST = extract(TRUST.bundle, ["XA"])
PARCEL: list[Item] = [SEALED, Refused(Code.BUSY, "over quota; try again later", 1.5), SEALED]
FILES = trust_files()
LISTED = {name: FILES[name] for name in ("federation.json", "policy.json")}


def staged() -> bytes:
    """Return what is carried to the officers of targets and back, signed by one of them."""
    metadata = Metadata(make_targets(LISTED, {}, 1, START))
    key = role_signer("targets")
    sign(metadata, key)
    named = {key.public_key.keyid: "anna"}
    return render_staged(Staged("targets", metadata, named, named, LISTED, None, {}))


def pieces(note: bytes) -> list[bytes]:
    """Return a note's text and lines, once it reads as one."""
    text, signatures = split_note(note)
    found: list[bytes] = [text, *(_line(*signature) for signature in signatures)]
    return found


def _line(name: str, key_id: bytes, signature: bytes) -> bytes:
    return f"— {name} ".encode() + b2a_base64(key_id + signature)


def _vkey(text: bytes) -> VerifierKey:
    try:
        return VerifierKey.parse(text.decode())
    except UnicodeDecodeError:
        raise Refusal(Code.MALFORMED, "no text") from None


EXACT = {
    "checkpoint": Format(Checkpoint.parse, Checkpoint.text, HEADS[0].text()),
    "note": Format(pieces, lambda found: b"\n".join((found[0], b"".join(found[1:]))), COSIGNED),
    "verifier_key": Format(_vkey, lambda key: str(key).encode(), str(LOG.verifier).encode()),
    "verifier_key_ml_dsa": Format(
        _vkey,
        lambda key: str(key).encode(),
        str(Mldsa44Signer(origin("XA"), bytes(32)).verifier).encode(),
    ),
    "fork": Format(Fork.parse, Fork.render, FORK.render()),
    "statement": Format(decode_statement, encode_statement, SAID),
    "receipt": Format(
        decode_receipt, encode_receipt, encode_receipt(Receipt(SEALED, SEALED, SEALED, (LIST,)))
    ),
    "evidence": Format(
        decode_evidence,
        encode_evidence,
        encode_evidence(ForkEvidence("XA", START, FORK, LIST)),
    ),
}


def _file(name: str, sample: bytes) -> Format:
    return Format(partial(decode_file, kind=KINDS[name], path="a file"), render, sample)


def _typed(text: bytes) -> Any:
    try:
        return parse_share_code(text.decode())
    except UnicodeDecodeError:
        raise Refusal(Code.MALFORMED, "no text") from None


LENIENT = {
    "federation": _file("federation", FILES["federation.json"]),
    "policy": _file("policy", FILES["policy.json"]),
    "node": _file("node", FILES["nodes/XA/node.json"]),
    "issuers": _file("issuers", FILES["issuers/XA/issuers.json"]),
    "framework": _file("framework", FILES["issuers/XA/framework.json"]),
    "agreement": _file("agreement", FILES["agreements/XA/xa-xb.json"]),
    "join": Format(
        partial(decode_file, kind=JoinRequest, path="a file"),
        render,
        render(JoinRequest(JOIN_FORMAT, node_file("XA"))),
    ),
    "public_key": Format(
        partial(read_public_key, where="a file"),
        render_public_key,
        render_public_key(role_signer("root").public_key),
    ),
    "staged": Format(partial(read_staged, where="a file"), render_staged, staged()),
    "parcel": Format(
        parse_parcel,
        lambda items: encode_parcel(items).SerializeToString(deterministic=True),
        encode_parcel(PARCEL).SerializeToString(deterministic=True),
    ),
    "share_code": Format(
        _typed, lambda code: str(code).encode(), str(make("XA", bytes(range(10)))).encode()
    ),
}


# --- laws ----------------------------------------------------------------------------------


@st.composite
def changed(draw: st.DrawFn, sample: bytes) -> bytes:
    """Return something that somebody might send for a sample: cut, doubled, bent, swapped."""
    data = sample
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        other = draw(st.integers(0, len(data)))
        fresh = draw(
            st.binary(max_size=3)
            | st.sampled_from([b"\n", b" ", b"=", b"\r\n", b"0", b"\xe2\x80\x94 ", b'"', b","])
            | st.just(data[other : other + length])
        )
        data = data[:at] + fresh + data[at + draw(st.integers(0, 8)) :]
    return data


def read(form: Format, data: bytes) -> Any:
    """Read as a stranger's bytes are read: refused, or something."""
    try:
        return form.parse(data)
    except Refusal as refusal:
        # The second is for a staged file in which another content is enclosed than is signed.
        assert refusal.code in {Code.MALFORMED, Code.UNAUTHENTICATED}  # noqa: PT017 - as it says
        return None


@pytest.mark.parametrize("form", EXACT.values(), ids=EXACT.keys())
@settings(max_examples=150)
@given(data=st.data())
def test_whatever_reads_is_its_only_spelling(form: Format, data: st.DataObject) -> None:
    assert form.write(form.parse(form.sample)) == form.sample
    content = data.draw(changed(form.sample))
    found = read(form, content)
    if found is not None:
        assert form.write(found) == content


@pytest.mark.parametrize("form", LENIENT.values(), ids=LENIENT.keys())
@settings(max_examples=150)
@given(data=st.data())
def test_whatever_reads_is_written_so_that_it_reads_the_same(
    form: Format, data: st.DataObject
) -> None:
    for content in (form.sample, data.draw(changed(form.sample))):
        found = read(form, content)
        if found is not None:
            written = form.write(found)
            assert form.parse(written) == found
            assert form.write(form.parse(written)) == written


@given(
    st.lists(
        st.builds(
            Refused,
            st.sampled_from(Code),
            texts(500).filter(str.isprintable),
            st.none() | st.integers(1, 86_400_000).map(lambda ms: ms / 1000),
        )
    )
)
def test_refusals_in_a_parcel_are_read_as_they_were_said(refused: list[Refused]) -> None:
    assert parse_parcel(encode_parcel(refused).SerializeToString()) == refused


@given(
    st.builds(
        Settings,
        st.builds(NodeSettings, st.just("XA"), texts(200), texts(255)),
        st.builds(ListenSettings, texts(40), texts(40), texts(40)),
        seals=st.builds(SealSettings, st.booleans()),
        trust=st.builds(TrustSettings, mirrors=st.lists(texts(60), max_size=3).map(tuple)),
    )
)
def test_settings_are_read_as_init_wrote_them(written: Settings) -> None:
    assert msgspec.toml.decode(render_settings(written), type=Settings) == written
