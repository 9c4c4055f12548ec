"""Checking TUF metadata against a trusted root: signatures, versions, hashes, expiry, roots."""

import json
from collections.abc import Callable, Sequence

import pytest
from securesystemslib.signer import Signer
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Signed,
    Snapshot,
    Targets,
    Timestamp,
)

from node.errors import Code, Refusal
from node.model.trust import TrustBundle, TrustView, newest_root_version, resolve
from node.model.trust_metadata import (
    METADATA_SIZE_MAX_BYTES,
    check_timestamp,
    listed_paths,
    path_country,
    trusted_root,
)
from tests.federation import (
    DAY_US,
    SECOND_US,
    START,
    Change,
    compose,
    expiring,
    make_root,
    moment,
    role_signer,
    sign,
    trust_files,
    unchanged,
)
from tests.trust_cases import ROOT, delegating, keys, listing, only_spoilt, refused, seen, when

SignersOf = Callable[[str], Sequence[Signer]]


def instead(bundle: TrustBundle, name: str, content: bytes) -> TrustBundle:
    """Return a bundle with other metadata under a name."""
    return TrustBundle({**bundle.metadata, name: content}, bundle.files)


def without(bundle: TrustBundle, name: str) -> TrustBundle:
    """Return a bundle without some metadata."""
    kept = {one: content for one, content in bundle.metadata.items() if one != name}
    return TrustBundle(kept, bundle.files)


# --- thresholds ----------------------------------------------------------------------------


def signed_by_two(role: str) -> Sequence[Signer]:
    """Give every role two keys, both of them due."""
    return keys(role, 1, 2)


def signed_short(short: str, change: Change = unchanged) -> tuple[TrustBundle, bytes]:
    """Return a list of which one role has only one of the two signatures that are due."""
    bundle = compose(trust_files(), signers=signed_by_two, change=change)
    metadata = Metadata[Targets].from_bytes(bundle.metadata[f"{short}.json"])
    metadata.signatures.pop(role_signer(short, 2).public_key.keyid)
    return instead(bundle, f"{short}.json", metadata.to_bytes()), bundle.metadata["1.root.json"]


def test_two_signatures_of_two_are_enough() -> None:
    bundle = compose(trust_files(), signers=signed_by_two)
    assert resolve(bundle, bundle.metadata["1.root.json"], START, whole=True).faults == ()


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_refuses_a_list_of_which_a_role_misses_its_threshold(role: str) -> None:
    bundle, root = signed_short(role)
    with pytest.raises(Refusal) as refusal:
        resolve(bundle, root, START)
    assert refusal.value.code is Code.UNAUTHENTICATED
    assert f"{role}.json" in refusal.value.reason


def test_a_country_that_misses_its_threshold_is_left_out_alone() -> None:
    def once(role: str) -> Sequence[Signer]:
        return signed_by_two(role) if role != "country-XB" else keys(role, 1)

    def two_due(role: DelegatedRole, _all: Delegations) -> None:
        role.threshold = 2

    bundle = compose(trust_files(), signers=once, change=delegating("XB", two_due))
    view = resolve(bundle, make_root(signers=once), START, whole=True)
    only_spoilt(view, "XB", "1/2 keys")


def test_a_signature_by_a_key_of_another_role_counts_for_nothing() -> None:
    def borrowed(role: str) -> Sequence[Signer]:
        return keys("country-XA", 1) if role == "country-XB" else keys(role, 1)

    bundle = compose(trust_files(), signers=borrowed)
    honest = compose(trust_files())
    mixed = TrustBundle(
        {**honest.metadata, "country-XB.json": bundle.metadata["country-XB.json"]}, honest.files
    )
    only_spoilt(resolve(mixed, ROOT, START, whole=True), "XB", "not the file")


def test_refuses_the_list_of_another_federation() -> None:
    bundle = compose(trust_files(), signers=lambda role: keys(f"another {role}", 1))
    assert "snapshot.json" in refused(without(bundle, "1.root.json"), Code.UNAUTHENTICATED)
    assert "1.root.json" in refused(bundle, Code.UNAUTHENTICATED)


# --- mix and match -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["snapshot.json", "targets.json"])
def test_refuses_metadata_of_another_time(name: str) -> None:
    newer = compose(trust_files(), version=2)
    bundle = instead(compose(trust_files()), name, newer.metadata[name])
    refused(bundle, Code.UNAUTHENTICATED)


def test_a_countrys_metadata_of_another_time_cost_that_country_its_place() -> None:
    newer = compose(trust_files(), version=2)
    bundle = instead(compose(trust_files()), "country-XB.json", newer.metadata["country-XB.json"])
    view = resolve(bundle, ROOT, START, whole=True)
    only_spoilt(view, "XB", "not the file")
    assert view.missing == ("country-XB.json",)


def in_snapshot(name: str, change: Callable[[MetaFile], None]) -> Change:
    """Return what changes an entry of the snapshot."""

    def changed(signed: Signed) -> None:
        assert isinstance(signed, Snapshot)
        change(signed.meta[name])

    return when("snapshot", changed)


def _older(entry: MetaFile) -> None:
    entry.version += 1


def _shorter(entry: MetaFile) -> None:
    assert entry.length is not None
    entry.length -= 1


def _other_hash(entry: MetaFile) -> None:
    entry.hashes = {"sha256": "0" * 64}


def _no_hash(entry: MetaFile) -> None:
    entry.hashes = None


def _no_length(entry: MetaFile) -> None:
    entry.length = None


def _weak_hash(entry: MetaFile) -> None:
    entry.hashes = {"md5": "0" * 32}


WRONG = [_older, _shorter, _other_hash, _no_hash, _no_length, _weak_hash]


@pytest.mark.parametrize("change", WRONG)
def test_version_length_and_hash_in_the_snapshot_must_be_those_of_the_metadata(
    change: Callable[[MetaFile], None],
) -> None:
    only_spoilt(seen(change=in_snapshot("country-XB.json", change)), "XB", "")
    bundle = compose(trust_files(), change=in_snapshot("targets.json", change))
    with pytest.raises(Refusal, match=r"targets\.json"):
        resolve(bundle, ROOT, START)


def test_a_role_that_the_snapshot_does_not_list_is_no_part_of_the_list() -> None:
    def drop(name: str) -> Change:
        def changed(signed: Signed) -> None:
            assert isinstance(signed, Snapshot)
            del signed.meta[name]

        return when("snapshot", changed)

    only_spoilt(seen(change=drop("country-XB.json")), "XB", "not in the snapshot")
    refused(compose(trust_files(), change=drop("targets.json")), Code.UNAUTHENTICATED)


# --- expiry --------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_refuses_an_expired_list_from_that_very_moment_on(role: str) -> None:
    bundle = compose(trust_files(), change=expiring(role, START + SECOND_US))
    view = resolve(bundle, ROOT, START + SECOND_US - 1)
    assert view.expires_at == START + SECOND_US
    assert role in refused(bundle, Code.STALE, START + SECOND_US)


def test_refuses_an_expired_root_unless_a_newer_one_is_there() -> None:
    first = make_root(expires_at=START)
    bundle = compose(trust_files(), roots=[first])
    with pytest.raises(Refusal) as refusal:
        resolve(bundle, first, START)
    assert refusal.value.code is Code.STALE
    bundle = compose(trust_files(), roots=[first, make_root(2)])
    assert resolve(bundle, first, START).root_version == 2


# --- roots ---------------------------------------------------------------------------------


def rotated(number: int) -> SignersOf:
    """Return signers of which the root's own are of a generation."""
    return lambda role: keys(role, number) if role == "root" else keys(role, 1)


def chain(length: int) -> list[bytes]:
    """Return roots of which each has another root key than the one before."""
    roots = [make_root(1, signers=rotated(1))]
    for version in range(2, length + 1):
        both = keys("root", version - 1, version)
        roots.append(make_root(version, signers=rotated(version), signed_by=both))
    return roots


def followed(roots: Sequence[bytes], trusted: bytes) -> TrustView:
    """Resolve a list with these roots."""
    return resolve(compose(trust_files(), roots=roots), trusted, START)


def test_follows_the_chain_of_roots_from_wherever_it_is_trusted() -> None:
    roots = chain(6)
    for trusted in roots:
        assert followed(roots, trusted).root_version == 6
    assert newest_root_version(compose(trust_files(), roots=roots)) == 6
    assert newest_root_version(TrustBundle({}, {})) == 0


def test_refuses_a_chain_of_roots_that_skips_a_version() -> None:
    roots = chain(4)
    bundle = without(compose(trust_files(), roots=roots), "3.root.json")
    with pytest.raises(Refusal, match=r"3\.root\.json: is missing"):
        resolve(bundle, roots[0], START)
    assert resolve(bundle, roots[2], START).root_version == 4


@pytest.mark.parametrize("signed_by", [(2,), (1,)], ids=["without the old", "without the new"])
def test_refuses_a_root_that_old_and_new_keys_have_not_both_signed(
    signed_by: tuple[int, ...],
) -> None:
    first = make_root(1, signers=rotated(1))
    second = make_root(2, signers=rotated(2), signed_by=keys("root", *signed_by))
    with pytest.raises(Refusal) as refusal:
        followed([first, second], first)
    assert refusal.value.code is Code.UNAUTHENTICATED


def test_refuses_a_root_that_has_another_version_inside() -> None:
    first = make_root(1)
    for version in (1, 3):
        with pytest.raises(Refusal, match=rf"has version {version} inside"):
            followed([first, make_root(version)], first)


def test_refuses_to_go_back_to_a_root_before_the_trusted_one() -> None:
    roots = chain(3)
    with pytest.raises(Refusal, match="earlier root"):
        followed(roots[:2], roots[2])


def test_refuses_another_root_under_the_version_of_the_trusted_one() -> None:
    other = make_root(1, START + DAY_US)
    with pytest.raises(Refusal, match="says other than the trusted root"):
        followed([other], ROOT)


def test_a_new_snapshot_key_counts_once_a_root_names_it() -> None:
    def renewed(role: str) -> Sequence[Signer]:
        return keys(role, 2) if role == "snapshot" else keys(role, 1)

    second = make_root(2, signers=renewed)
    bundle = compose(trust_files(), signers=renewed, roots=[ROOT, second])
    assert resolve(bundle, ROOT, START).root_version == 2
    refused(without(bundle, "2.root.json"), Code.UNAUTHENTICATED)
    old = compose(trust_files(), roots=[ROOT, second])
    refused(old, Code.UNAUTHENTICATED)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 100_000, compose(trust_files()).metadata["snapshot.json"]]
)
def test_refuses_what_is_no_root_to_begin_with(content: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        trusted_root(content, "root.json")
    assert refusal.value.code is Code.MALFORMED


def test_refuses_a_root_that_its_own_keys_have_not_signed() -> None:
    with pytest.raises(Refusal) as refusal:
        trusted_root(make_root(signed_by=keys("targets", 1)), "root.json")
    assert refusal.value.code is Code.UNAUTHENTICATED


# --- form ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["snapshot.json", "targets.json"])
def test_refuses_a_list_without_its_snapshot_or_targets(name: str) -> None:
    bundle = without(compose(trust_files()), name)
    assert name in refused(bundle, Code.MALFORMED)


def test_a_country_whose_metadata_are_missing_is_left_out_of_a_whole_list() -> None:
    bundle = without(compose(trust_files()), "country-XB.json")
    only_spoilt(resolve(bundle, ROOT, START, whole=True), "XB", "missing")
    assert "nodes/XB/node.json" in refused(bundle, Code.UNAUTHENTICATED)


@pytest.mark.parametrize(
    "name", ["timestamp.json", "0.root.json", "root.json", "../targets.json", "country-xb.json", ""]
)
def test_refuses_metadata_under_a_name_that_no_list_has(name: str) -> None:
    assert repr(name) in refused(instead(compose(trust_files()), name, b"{}"), Code.MALFORMED)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 100_000,
        b'{"signed":{"_type":"targets"}}',
        b" " * (METADATA_SIZE_MAX_BYTES + 1),
        ROOT,
    ],
    ids=["empty", "no text", "null", "deep", "short", "oversized", "another role"],
)
def test_malformed_or_oversized_metadata_are_refused_with_their_name(content: bytes) -> None:
    for name in ("snapshot.json", "targets.json", "2.root.json"):
        bundle = instead(compose(trust_files()), name, content)
        with pytest.raises(Refusal) as refusal:
            resolve(bundle, ROOT, START)
        assert refusal.value.code in {Code.MALFORMED, Code.UNAUTHENTICATED}
        assert name in refusal.value.reason
    bundle = instead(compose(trust_files()), "country-XB.json", content)
    only_spoilt(resolve(bundle, ROOT, START, whole=True), "XB", "")


def test_a_field_that_tuf_does_not_know_is_signed_like_any_other() -> None:
    def unknown(signed: Signed) -> None:
        signed.unrecognized_fields["x-comment"] = "of a later version"

    bundle = compose(trust_files(), change=when("country-XB", unknown))
    assert resolve(bundle, ROOT, START, whole=True).faults == ()
    content = json.loads(bundle.metadata["snapshot.json"])
    content["signed"]["x-comment"] = "added by a mirror"
    changed = instead(bundle, "snapshot.json", json.dumps(content).encode())
    refused(changed, Code.UNAUTHENTICATED)


# --- timestamp and paths -------------------------------------------------------------------


def test_the_timestamp_must_be_signed_and_name_this_snapshot() -> None:
    bundle = compose(trust_files())
    entry = MetaFile.from_data(1, bundle.metadata["snapshot.json"], ["sha256"])
    timestamp = Timestamp(version=5, expires=moment(START + DAY_US), snapshot_meta=entry)
    state = check_timestamp(bundle, ROOT, sign(timestamp, keys("timestamp", 1)))
    assert (state.version, state.expires_at) == (5, START + DAY_US)
    newer = compose(trust_files(), version=2)
    with pytest.raises(Refusal, match=r"snapshot\.json"):
        check_timestamp(newer, ROOT, sign(timestamp, keys("timestamp", 1)))
    for wrong in (keys("snapshot", 1), []):
        with pytest.raises(Refusal, match=r"timestamp\.json"):
            check_timestamp(bundle, ROOT, sign(timestamp, wrong))


def test_names_the_files_that_are_worth_reading_and_no_others() -> None:
    change = listing("country-XB", "nodes/XB/../../secret", "/secret", "notes", "nodes/XB/a/b")
    bundle = compose(trust_files(), change=change)
    assert listed_paths(bundle.metadata) == trust_files().keys()
    assert listed_paths({"targets.json": b"\xff", "country-XB.json": ROOT}) == set()


@pytest.mark.parametrize(
    ("path", "country"),
    [
        ("nodes/XA/node.json", "XA"),
        ("agreements/XB/xa-xb.json", "XB"),
        ("policy.json", None),
        ("nodes/XA", None),
        ("nodes/XA/..", None),
        ("nodes/../node.json", None),
        ("others/XA/node.json", None),
    ],
)
def test_says_whose_own_a_path_is(path: str, country: str | None) -> None:
    assert path_country(path) == country
