"""Witness keys and the witness policy of a trust list: which cosignatures count."""

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.cosignature import CosignatureSigner, Cosigner, cosign, witness_name
from node.model.listing import Listing
from node.model.note import Checkpoint, Ed25519Signer, Mldsa44Signer, sign_checkpoint
from node.model.trust import JournalKeyEntry, MemberEntry, NodeFile, TrustView
from node.model.trust_lint import lint
from tests.federation import (
    NODES,
    SECOND_US,
    START,
    journal_signers,
    key_entry,
    node_file,
    origin,
    sample_trust,
    trust_files,
)

CHECKPOINT = Checkpoint(origin("XA"), 7, sha256(b"root").digest())
NOTE = sign_checkpoint(CHECKPOINT, journal_signers("XA"), START // SECOND_US)
NOW_S = START // SECOND_US
TODAY = datetime.fromtimestamp(NOW_S, UTC)


def cosigners(node_id: str) -> list[Cosigner]:
    seed, name = f"witness {node_id}".encode(), witness_name(origin(node_id))
    return [
        CosignatureSigner(name, seed.ljust(32, b"1")),
        Mldsa44Signer(name, seed.ljust(32, b"2")),
    ]


def entries(node_id: str, **changes: object) -> tuple[JournalKeyEntry, ...]:
    return tuple(key_entry(node_id, one, **changes) for one in cosigners(node_id))


def described(node_id: str, **changes: object) -> NodeFile:
    return replace(node_file(node_id), **{"witness": entries(node_id), **changes})


def view(*files: NodeFile, policy: bytes = b"", **others: bytes) -> TrustView:
    """Resolve the sample federation, where every node is a witness but as `files` say."""
    nodes = {file.node: file for file in [*map(described, NODES), *files]}
    content = trust_files() | {
        f"nodes/{node}/node.json": msgspec.json.encode(file) for node, file in nodes.items()
    }
    if policy:
        content["policy.json"] = policy
    return sample_trust(content | others).view


def counted(trust: TrustView, *witnesses: str, at_s: int = NOW_S) -> frozenset[str]:
    lines = [cosign(CHECKPOINT, cosigners(node), at_s) for node in witnesses]
    return trust.cosigners(trust.node("XA"), NOTE + b"".join(lines))


def spoilt(*files: NodeFile) -> tuple[str, ...]:
    """Resolve a list of which some country's part does not hold, and return why."""
    content = trust_files() | {
        f"nodes/{file.node}/node.json": msgspec.json.encode(file) for file in files
    }
    try:
        return sample_trust(content).view.faults
    except Refusal as refusal:
        return (refusal.reason,)


def test_a_list_without_witness_keys_or_policy_is_valid_and_asks_for_none() -> None:
    trust = sample_trust().view
    assert trust.witnesses_required == 0
    assert trust.node("XB").witness_keys == ()
    assert counted(trust, "XB") == frozenset()


def test_counts_every_other_member_that_has_cosigned_with_both_kinds() -> None:
    assert counted(view(), "XB", "XC") == {"XB", "XC"}
    assert counted(view(), "XB") == {"XB"}
    assert counted(view()) == frozenset()


def test_an_owner_is_no_witness_of_its_own_journal() -> None:
    assert counted(view(), "XA", "XB") == {"XB"}


def test_a_cosignature_of_one_kind_does_where_the_policy_asks_for_that_one() -> None:
    line = cosigners("XB")[0].sign(CHECKPOINT, NOW_S)
    both, one = view(), view(policy=b'{"seals_required": ["ed25519"], "witnesses_required": 1}')
    assert both.cosigners(both.node("XA"), NOTE + line) == frozenset()
    assert one.cosigners(one.node("XA"), NOTE + line) == {"XB"}
    assert one.witnesses_required == 1


def test_a_false_line_of_a_listed_witness_spoils_the_note() -> None:
    trust = view()
    other = Checkpoint(origin("XA"), 8, CHECKPOINT.root)
    lines = cosign(other, cosigners("XB"), NOW_S)
    with pytest.raises(Refusal) as caught:
        trust.cosigners(trust.node("XA"), NOTE + lines)
    assert caught.value.code is Code.UNAUTHENTICATED


@pytest.mark.parametrize(("hours", "expected"), [(-1, {"XB"}), (0, frozenset()), (1, frozenset())])
def test_a_retired_witness_key_counts_for_what_it_signed_before(
    hours: int, expected: AbstractSet[str]
) -> None:
    ended = described("XB", witness=entries("XB", valid_until=TODAY, retired_because="old"))
    assert counted(view(ended), "XB", at_s=NOW_S + hours * 3600) == expected


def test_no_time_at_all_counts_for_nothing() -> None:
    assert counted(view(), "XB", at_s=0) == frozenset()


def test_a_suspended_member_is_no_witness_from_then_on() -> None:
    members = [MemberEntry(node, TODAY.date() - timedelta(days=30)) for node in NODES]
    members[1] = replace(members[1], suspended_since=TODAY, reason="tests")
    content = msgspec.json.encode({"name": "Tests", "members": members})
    trust = view(**{"federation.json": content})
    assert counted(trust, "XB", at_s=NOW_S - 1) == {"XB"}
    assert counted(trust, "XB", "XC", at_s=NOW_S) == {"XC"}


def test_a_witness_key_is_named_by_the_journal_and_is_of_a_witness_kind() -> None:
    journal = tuple(key_entry("XB", one) for one in journal_signers("XB"))
    assert "/witness" in spoilt(described("XB", witness=journal))[0]
    named = CosignatureSigner(origin("XB"), bytes(range(32)))
    assert "/witness" in spoilt(described("XB", witness=(key_entry("XB", named),)))[0]
    base = node_file("XB")
    keys = (*base.journal.keys, *entries("XB"))
    assert "/witness" in spoilt(replace(base, journal=replace(base.journal, keys=keys)))[0]


def test_a_witness_key_needs_its_own_proof_of_possession() -> None:
    (first, *_), (other, *_) = entries("XB"), entries("XC")
    stolen = replace(first, possession=other.possession)
    assert "possession" in spoilt(described("XB", witness=(stolen,)))[0]


def test_a_witness_key_is_no_journal_key_of_any_node() -> None:
    seed = b"XB 1".ljust(32, b"1")  # that of XB's journal
    own = CosignatureSigner(witness_name(origin("XB")), seed)
    assert "journal key as well" in spoilt(described("XB", witness=(key_entry("XB", own),)))[0]
    shared = CosignatureSigner(witness_name(origin("XC")), seed)
    faults = spoilt(described("XC", witness=(key_entry("XC", shared),)))
    assert any("shares a key" in fault for fault in faults)


@pytest.mark.parametrize("name", [origin("XB"), "xb.other/journal", "XC.symbolon/journal", "xc"])
def test_whoever_takes_the_name_of_anothers_journal_harms_nobody_else(name: str) -> None:
    base = node_file("XC")
    keys = tuple(
        key_entry("XC", one)
        for one in (Ed25519Signer(name, bytes(32)), Mldsa44Signer(name, bytes(32)))
    )
    found = view(described("XC", journal=replace(base.journal, origin=name, keys=keys)))
    assert sorted(found.nodes) == ["XA", "XB"]
    assert len(found.faults) == 1
    assert "country-XC" in found.faults[0]
    assert "origin must begin with the node's id" in found.faults[0]


@pytest.mark.parametrize("required", [-1, 17, "two", 1.5])
def test_refuses_a_policy_out_of_bounds(required: object) -> None:
    policy = msgspec.json.encode({"witnesses_required": required})
    with pytest.raises(Refusal) as caught:
        view(policy=policy)
    assert caught.value.code is Code.MALFORMED


# --- looking a list over ---------------------------------------------------------------------


def looked_over(required: int, *files: NodeFile, **others: bytes) -> list[str]:
    """Return what lint says of the policy, in the sample federation of three witnesses."""
    nodes = {file.node: file for file in [*map(described, NODES), *files]}
    content = trust_files() | {
        f"nodes/{node}/node.json": msgspec.json.encode(file) for node, file in nodes.items()
    }
    seals = ["ed25519", "ml-dsa-44"]
    policy = {"seals_required": seals, "witnesses_required": required}
    content |= {"policy.json": msgspec.json.encode(policy), **others}
    found = lint(Listing(kind="sources", files=content), START)
    return [one.sentence for one in found if one.field == "witnesses_required"]


@pytest.mark.parametrize(
    ("required", "files", "lacking"),
    [
        (2, (), ""),
        (3, (), "XA, XB and XC"),
        (2, (described("XC", witness=()),), "XA and XB"),
        (2, (described("XC", witness=entries("XC")[:1]),), "XA and XB"),
        (2, (described("XC", witness=entries("XC", valid_until=TODAY)),), "XA and XB"),
        (1, (described("XB", witness=()), described("XC", witness=())), "XA"),
    ],
    ids=["enough", "more_than_others", "no_keys", "one_kind", "ended", "no_other"],
)
def test_tells_where_a_policy_requires_more_witnesses_than_there_are(
    required: int, files: tuple[NodeFile, ...], lacking: str
) -> None:
    said = looked_over(required, *files)
    assert [f"receipts of {lacking} would" in one for one in said] == ([True] if lacking else [])


def test_a_suspended_member_is_no_witness_to_rely_on() -> None:
    federation = msgspec.json.decode(trust_files()["federation.json"])
    federation["members"][2] |= {"suspended_since": "2026-11-01T00:00:00Z", "reason": "keys lost"}
    (said,) = looked_over(2, **{"federation.json": msgspec.json.encode(federation)})
    assert "only XA and XB can" in said
