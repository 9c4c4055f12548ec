"""Resolving a trust list: what one country gets wrong spoils that country and no other."""

import base64
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.note import KeyKind, VerifierKey
from node.model.possession import journal_key_bytes, possession_message
from node.model.trust import (
    IssuersFile,
    complete,
    extract,
    resolve,
)
from node.model.trust_files import IssuerEntry
from tests.federation import (
    START,
    certificate_entry,
    compose,
    expiring,
    journal_signers,
    key_entry,
    moment,
    node_file,
    role_signer,
    trust_files,
)
from tests.trust_cases import AGREED, ROOT, edited, listing, only_spoilt, refused, seen, with_node

# --- one country's files -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("nodes/XB/node.json", b"{", "nodes/XB/node.json"),
        ("nodes/XB/node.json", b"\xff\xfe", "nodes/XB/node.json"),
        ("nodes/XB/node.json", b"[" * 100_000, "nodes/XB/node.json"),
        ("nodes/XB/node.json", b" " * ((1 << 20) + 1), "over 1048576 bytes"),
        ("issuers/XB/issuers.json", b'{"issuers":[{"id":"x"}]}', "issuers/XB/issuers.json"),
        ("issuers/XB/framework.json", b'{"name":"F","levels":[],"provenance":""}', "framework"),
        ("agreements/XB/xa-xb.json", b"null", "agreements/XB/xa-xb.json"),
        ("agreements/XB/other.json", trust_files()["agreements/XB/xa-xb.json"], "name of the file"),
        ("agreements/XB/xa-xc.json", trust_files()["agreements/XA/xa-xc.json"], "no party"),
    ],
)
def test_a_countrys_file_that_is_wrong_spoils_that_country_only(
    path: str, content: bytes, reason: str
) -> None:
    only_spoilt(seen(trust_files() | {path: content}), "XB", reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"node": "XA"}, "id in its path"),
        ({"country": "XA"}, "country"),
        ({"endpoint": "nowhere"}, "endpoint"),
        ({"endpoint": "http://xb.example:7443"}, "endpoint"),
        ({"authority": ""}, "authority"),
        ({"authority": "Authority\nof XB"}, "control character"),
        ({"tls": []}, "tls"),
        ({"surprise": 1}, "surprise"),
        ({"contacts": [{"role": "technical"}]}, "contacts"),
    ],
)
def test_a_node_file_with_a_wrong_field_spoils_its_country(
    changes: dict[str, object], reason: str
) -> None:
    only_spoilt(seen(edited("nodes/XB/node.json", **changes)), "XB", reason)


def test_a_node_may_name_whom_to_reach() -> None:
    contact = {"role": "technical", "name": "Operations", "email": "ops@xb.example"}
    assert seen(edited("nodes/XB/node.json", contacts=[contact])).faults == ()


def test_a_file_that_is_missing_spoils_its_country_in_a_whole_list_only() -> None:
    bundle = compose(trust_files())
    del bundle.files["agreements/XB/xa-xb.json"]
    view = resolve(bundle, ROOT, START, whole=True)
    only_spoilt(view, "XB", "is missing")
    assert view.missing == ("agreements/XB/xa-xb.json",)
    part = resolve(bundle, ROOT, START)
    assert part.faults == ()
    assert part.agreement_named("XA", "XB", AGREED, START) is None


def test_a_file_other_than_is_listed_spoils_its_country_and_is_left_out_of_the_archive() -> None:
    bundle = compose(trust_files())
    path = "nodes/XB/node.json"
    bundle.files[path] = bundle.files[path].replace(b"Authority", b"authority")
    view = resolve(bundle, ROOT, START, whole=True)
    only_spoilt(view, "XB", "not the file")
    kept = complete(bundle, view)
    assert kept.files.keys() == bundle.files.keys() - {path}
    again = resolve(kept, ROOT, START, whole=True)
    assert again.nodes == view.nodes


def test_a_file_of_the_federation_other_than_is_listed_spoils_the_whole_list() -> None:
    bundle = compose(trust_files())
    bundle.files["policy.json"] = b'{"seals_required": ["ed25519"]}'
    assert "policy.json" in refused(bundle, Code.UNAUTHENTICATED)


def test_refuses_a_file_that_nobody_lists() -> None:
    for path in ("nodes/XD/node.json", "notes.json", "../policy.json"):
        bundle = compose(trust_files())
        bundle.files[path] = b"{}"
        assert path in refused(bundle, Code.UNAUTHENTICATED)


def test_a_whole_list_has_the_node_of_every_country() -> None:
    files = trust_files()
    del files["nodes/XB/node.json"]
    only_spoilt(seen(files), "XB", "lists no nodes/XB/node.json")


# --- paths ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "nodes/XA/node.json",
        "agreements/XA/xa-xb.json",
        "policy.json",
        "nodes/XB/deeper/node.json",
        "nodes/XB/../XA/node.json",
        "nodes/XB/..",
        "/nodes/XB/node.json",
        "nodes//node.json",
        "other/XB/node.json",
    ],
)
def test_a_country_that_lists_what_is_not_its_own_is_left_out(path: str) -> None:
    only_spoilt(seen(change=listing("country-XB", path)), "XB", "none of its own paths")


def test_the_federation_itself_cannot_speak_for_a_country() -> None:
    for path in ("nodes/XB/node.json", "agreements/XA/xa-xb.json", "issuers/x"):
        bundle = compose(trust_files(), change=listing("targets", path))
        assert path in refused(bundle, Code.MALFORMED)


# --- keys ----------------------------------------------------------------------------------


def weak_key(node_id: str) -> str:
    """Return a verifier key of small order, which no node would make."""
    verifier = journal_signers(node_id)[0].verifier
    name, _, _ = str(verifier).partition("+")
    public_key = b"\x01" + b"\x01" + bytes(31)
    return f"{name}+00000000+{base64.b64encode(public_key).decode()}"


def test_a_journal_key_of_small_order_spoils_its_country() -> None:
    described = node_file("XB")
    weak = replace(described.journal.keys[0], verifier=weak_key("XB"))
    journal = replace(described.journal, keys=(weak,))
    view = seen(with_node(replace(described, journal=journal), "XB"))
    only_spoilt(view, "XB", "key")
    with pytest.raises(Refusal):
        VerifierKey.parse(weak_key("XB"))


def test_a_node_cannot_list_another_nodes_journal_key_as_its_own() -> None:
    described, other = node_file("XB"), node_file("XA")
    stolen = replace(described, journal=other.journal)
    only_spoilt(seen(with_node(stolen, "XB")), "XB", "origin must begin with the node's id")
    public_key = journal_signers("XA")[0].verifier.public_key
    renamed = str(VerifierKey.of(described.journal.origin, KeyKind.ED25519, public_key))
    entry = replace(other.journal.keys[0], verifier=renamed)
    stolen = replace(described, journal=replace(described.journal, keys=(entry,)))
    only_spoilt(seen(with_node(stolen, "XB")), "XB", "proof of possession")


def test_a_node_cannot_list_another_nodes_certificate_as_its_own() -> None:
    described = replace(node_file("XB"), tls=(certificate_entry("XA"),))
    only_spoilt(seen(with_node(described, "XB")), "XB", "spiffe://symbolon/XB")
    key = replace(certificate_entry("XB"), possession=certificate_entry("XB", 2).possession)
    described = replace(node_file("XB"), tls=(key,))
    only_spoilt(seen(with_node(described, "XB")), "XB", "proof of possession")


@pytest.mark.parametrize("kind", [0, 1], ids=["ed25519", "ml-dsa-44"])
def test_a_journal_key_needs_a_proof_for_this_very_node(kind: int) -> None:
    described = node_file("XB")
    keys = list(described.journal.keys)
    signer = journal_signers("XB")[kind]
    for wrong in (key_entry("XA", signer).possession, "AAAA", "no base64"):
        keys[kind] = replace(keys[kind], possession=wrong)
        journal = replace(described.journal, keys=tuple(keys))
        view = seen(with_node(replace(described, journal=journal), "XB"))
        only_spoilt(view, "XB", "possession")


def test_two_nodes_that_share_a_key_are_both_left_out() -> None:
    described = node_file("XB")
    (one, two), shared = described.journal.keys, journal_signers("XC")[0]
    name = described.journal.origin
    verifier = VerifierKey.of(name, shared.verifier.kind, shared.verifier.public_key)
    entry = _proved("XB", verifier)
    journal = replace(described.journal, keys=(one, two, entry))
    view = seen(with_node(replace(described, journal=journal), "XB"))
    assert view.nodes.keys() == {"XA"}
    assert {fault.split(":")[0] for fault in view.faults} == {"country-XB", "country-XC"}
    assert all("shares a key" in fault for fault in view.faults)


def _proved(node_id: str, verifier: VerifierKey) -> Any:
    """List XC's key under another node and name, as an operator of both could."""
    proof = journal_signers("XC")[0].prove(possession_message(node_id, journal_key_bytes(verifier)))
    entry = node_file(node_id).journal.keys[0]
    return replace(entry, verifier=str(verifier), possession=base64.b64encode(proof).decode())


def test_a_retired_key_stays_with_its_reason_and_needs_an_end() -> None:
    described = node_file("XB")
    signer = journal_signers("XB", 2)[0]
    retired = key_entry("XB", signer, retired_because="the module broke")
    journal = replace(described.journal, keys=(*described.journal.keys, retired))
    only_spoilt(
        seen(with_node(replace(described, journal=journal), "XB")), "XB", "needs valid_until"
    )
    ended = replace(retired, valid_until=moment(START))
    journal = replace(described.journal, keys=(*described.journal.keys, ended))
    view = seen(with_node(replace(described, journal=journal), "XB"))
    assert view.faults == ()
    assert view.node("XB").journal_keys[-1].retired_because == "the module broke"


@pytest.mark.parametrize("certificate", ["AAAA", "no base64", ""])
def test_a_certificate_that_is_none_spoils_its_country(certificate: str) -> None:
    entry = replace(certificate_entry("XB"), certificate=certificate)
    only_spoilt(seen(with_node(replace(node_file("XB"), tls=(entry,)), "XB")), "XB", "certificate")


# --- parts of a list -----------------------------------------------------------------------


def test_a_part_of_a_list_says_of_the_nodes_in_it_what_the_whole_says() -> None:
    bundle = compose(trust_files())
    whole = resolve(bundle, ROOT, START, whole=True)
    part = resolve(extract(bundle, ("XA", "XB")), ROOT, START)
    assert part.reference == whole.reference
    assert part.seals_required == whole.seals_required
    assert part.nodes == {node: whole.nodes[node] for node in ("XA", "XB")}
    assert part.faults == ()
    assert "country-XC.json" in part.missing


def test_an_expired_country_role_spoils_itself_only() -> None:
    view = seen(change=expiring("country-XB", START))
    only_spoilt(view, "XB", "expired")
    assert seen(change=expiring("country-XB", START), at=START - 1).faults == ()


def test_issuers_with_control_characters_in_their_names_are_refused() -> None:
    entry = IssuerEntry("college", "Line\nbreak", ())
    file = msgspec.json.encode(IssuersFile((entry,)))
    only_spoilt(seen(trust_files() | {"issuers/XB/issuers.json": file}), "XB", "control character")


def test_keys_of_the_sample_roles_are_different_ones() -> None:
    roles = ("root", "targets", "snapshot", "timestamp", "country-XA", "country-XB")
    assert len({role_signer(role).public_key.keyid for role in roles}) == len(roles)
