"""A federation's metadata: made, staged, signed; and the sample federation's files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, MetaFile, Root

from node.errors import Code, Refusal
from node.model.federation import (
    RoleKeys,
    Staged,
    country_role,
    fingerprint,
    is_signed,
    keys_of,
    make_country,
    make_root,
    make_snapshot,
    make_targets,
    make_timestamp,
    published_bytes,
    read_public_key,
    read_staged,
    render_public_key,
    render_staged,
    require_separate_keys,
    sign,
    standings,
)
from node.model.federation_files import (
    check_country_file,
    check_federation_file,
    place_country_file,
    read_federation,
    with_history,
)
from tests.federation import (
    DAY_US,
    START,
    certificate_entry,
    journal_signers,
    key_entry,
    node_file,
    role_signer,
)

_SAMPLES = Path(__file__).parents[3] / "trust_lists"


def _keys(*names: str, threshold: int = 1) -> RoleKeys:
    return RoleKeys(tuple(role_signer(name).public_key for name in names), threshold)


def _root(**roles: RoleKeys) -> Root:
    held = {
        "root": _keys("a", "b", "c", threshold=2),
        "targets": _keys("d"),
        "snapshot": _keys("e"),
        "timestamp": _keys("f"),
        **roles,
    }
    return make_root(held, 1, START)


def _files(country: str) -> dict[str, bytes]:
    return {f"nodes/{country}/node.json": b'{"some": "node"}'}


# --- keys ----------------------------------------------------------------------------------


def _public(key: SSlibKey, **changes: str) -> bytes:
    return json.dumps(json.loads(render_public_key(key)) | changes).encode()


def test_a_public_key_file_holds_an_ed25519_or_an_ecdsa_key() -> None:
    ecdsa = CryptoSigner(ec.generate_private_key(ec.SECP256R1())).public_key
    for key in (role_signer("a").public_key, ecdsa):
        assert read_public_key(render_public_key(key), "it") == key


@pytest.mark.parametrize(
    "changes",
    [
        {"keyid": "00" * 32},
        {"scheme": "rsassa-pss-sha256"},
        {"keytype": "ecdsa"},
        {"public": "00" * 31},
        {"public": "01" + "00" * 31},  # of small order: one signature fits every message
        {"public": "zz"},
    ],
)
def test_refuses_a_public_key_file_that_is_not_of_its_key(changes: Mapping[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        read_public_key(_public(role_signer("a").public_key, **changes), "it")
    assert refused.value.code is Code.MALFORMED


def test_refuses_a_public_key_file_of_another_kind_of_key() -> None:
    weak = CryptoSigner.generate_rsa(size=2048).public_key
    with pytest.raises(Refusal, match="Ed25519, or ECDSA"):
        read_public_key(_public(weak), "it")
    with pytest.raises(Refusal, match="is no public key"):
        read_public_key(b"[]", "it")


@pytest.mark.parametrize(("names", "threshold"), [(("a",), 2), (("a",), 0), (("a", "a"), 1)])
def test_refuses_role_keys_that_cannot_reach_their_threshold(
    names: tuple[str, ...], threshold: int
) -> None:
    with pytest.raises(Refusal) as refused:
        _keys(*names, threshold=threshold)
    assert refused.value.code is Code.MALFORMED


def test_no_key_does_what_is_anothers_to_do() -> None:
    require_separate_keys(_root(), {"XA": _keys("g"), "XB": _keys("h")})
    for root, countries in (
        (_root(snapshot=_keys("a")), {}),
        (_root(), {"XA": _keys("g"), "XB": _keys("g")}),
        (_root(), {"XA": _keys("f")}),
        (_root(), {"XA": _keys("d")}),
    ):
        with pytest.raises(Refusal) as refused:
            require_separate_keys(root, countries)
        assert refused.value.code is Code.CONFLICT


# --- metadata ------------------------------------------------------------------------------


def test_expiries_are_those_of_each_role() -> None:
    days = {
        "root": _root(),
        "targets": make_targets({}, {}, 1, START),
        "country": make_country("XA", _files("XA"), 1, START),
    }
    timestamps = {name: signed.expires.timestamp() * 1_000_000 for name, signed in days.items()}
    assert {name: (at - START) / DAY_US for name, at in timestamps.items()} == {
        "root": 365,
        "targets": 90,
        "country": 30,
    }


def test_a_later_root_keeps_the_roles_that_nobody_changes() -> None:
    first = _root()
    second = make_root({"targets": _keys("x")}, 2, START, first)
    assert keys_of(second, "root") == keys_of(first, "root")
    assert keys_of(second, "targets") == _keys("x")
    assert role_signer("d").public_key.keyid not in second.keys
    assert second.version == 2
    assert first.version == 1


def test_a_later_root_counts_the_keys_before_it_and_its_own() -> None:
    first = _root()
    second = Metadata(make_root({"root": _keys("x")}, 2, START, first))
    sign(second, role_signer("x"))
    old, new = standings("root", second, first)
    assert (old.missing, new.missing) == (2, 0)
    for name in ("a", "b"):
        assert not is_signed("root", second, first)
        sign(second, role_signer(name))
    assert is_signed("root", second, first)


def test_a_countrys_role_is_delegated_for_its_own_paths_only() -> None:
    targets = make_targets({}, {"XA": _keys("g")}, 1, START)
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    role = targets.delegations.roles["country-XA"]
    assert role.terminating
    assert role.paths == ["nodes/XA/*", "issuers/XA/*", "agreements/XA/*"]
    with pytest.raises(Refusal, match="no country"):
        country_role("X/*")


@pytest.mark.parametrize(
    "path", ["nodes/XB/node.json", "policy.json", "nodes/XA/../XB/node.json", "nodes/XA/a/b.json"]
)
def test_a_country_signs_nothing_of_anybody_else(path: str) -> None:
    with pytest.raises(Refusal, match="not XA's to sign"):
        make_country("XA", {path: b"{}"}, 1, START)


def test_the_federation_signs_nothing_of_a_country() -> None:
    with pytest.raises(Refusal, match="no file of the federation"):
        make_targets(_files("XA"), {}, 1, START)


def test_an_entry_never_leaves_the_snapshot() -> None:
    targets = Metadata(make_targets({}, {}, 3, START)).to_bytes()
    kept = {"country-XA.json": MetaFile(7, 10, {"sha256": "00" * 32})}
    snapshot = make_snapshot({"targets": targets}, kept, 4, START)
    assert snapshot.meta["country-XA.json"].version == 7
    assert snapshot.meta["targets.json"].version == 3
    assert snapshot.meta["targets.json"].length == len(targets)
    content = Metadata(snapshot).to_bytes()
    listed = make_timestamp(content, 9, START).snapshot_meta
    listed.verify_length_and_hashes(content)
    assert listed.version == 4


def test_the_fingerprint_is_of_what_a_root_says_whoever_signed_it() -> None:
    root = _root()
    signed = Metadata(root)
    sign(signed, role_signer("a"))
    assert fingerprint(Metadata[Root].from_bytes(signed.to_bytes()).signed) == fingerprint(root)
    assert fingerprint(make_root({}, 2, START, root)) != fingerprint(root)


# --- staged --------------------------------------------------------------------------------


def _staged(files: Mapping[str, bytes] | None = None) -> Staged:
    held = _files("XA") if files is None else dict(files)
    before = Metadata(make_country("XA", held, 1, START))
    sign(before, role_signer("g"))
    return Staged(
        "country-XA",
        Metadata(make_country("XA", held, 2, START)),
        {role_signer("g").public_key.keyid: "gus"},
        {role_signer("h").public_key.keyid: "hal"},
        dict(held),
        before,
    )


def test_a_staged_file_comes_back_as_it_was() -> None:
    staged = _staged()
    sign(staged.metadata, role_signer("g"))
    found = read_staged(render_staged(staged), "it")
    assert found == staged
    assert published_bytes(found) == published_bytes(staged)
    assert b"gus" not in published_bytes(found)
    targets = make_targets({}, {"XA": _keys("g")}, 1, START)
    assert is_signed("country-XA", found.metadata, targets)


def _without(content: bytes) -> bytes:
    fields = json.loads(content)
    del fields["staged"]
    return json.dumps(fields).encode()


def _of_another_role(content: bytes) -> bytes:
    return content.replace(b'"role": "country-XA"', b'"role": "country-XB"')


def _with_another_file(content: bytes) -> bytes:
    return content.replace(rb"\"node\"", rb"\"mole\"")


def _without_files(content: bytes) -> bytes:
    fields = json.loads(content)
    fields["staged"]["files"] = {}
    return json.dumps(fields).encode()


def _cut_off(content: bytes) -> bytes:
    return content[:-10]


def _as_a_root(content: bytes) -> bytes:
    return content.replace(b'"role": "country-XA"', b'"role": "root"')


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_without, Code.MALFORMED),
        (_of_another_role, Code.MALFORMED),
        (_with_another_file, Code.UNAUTHENTICATED),
        (_without_files, Code.UNAUTHENTICATED),
        (_as_a_root, Code.UNAUTHENTICATED),
        (_cut_off, Code.MALFORMED),
    ],
)
def test_refuses_a_staged_file_that_shows_other_than_it_signs(change: Any, code: Code) -> None:
    content = render_staged(_staged())
    assert change(content) != content
    with pytest.raises(Refusal) as refused:
        read_staged(change(content), "it")
    assert refused.value.code is code


def test_a_key_that_fails_to_sign_is_told_and_leaves_no_signature() -> None:
    class Broken(CryptoSigner):
        def sign(self, payload: bytes) -> Any:
            raise ValueError(f"the token was taken out, {len(payload) > 0}")

    staged = _staged()
    broken = Broken(role_signer("g")._private_key)
    with pytest.raises(Refusal, match="the token was taken out") as refused:
        sign(staged.metadata, broken)
    assert refused.value.code is Code.UNAUTHENTICATED
    assert staged.metadata.signatures == {}


# --- files ---------------------------------------------------------------------------------


def test_every_sample_file_is_one_that_its_country_can_sign() -> None:
    for path in ("federation.json", "policy.json"):
        check_federation_file(path, (_SAMPLES / path).read_bytes())
    found = sorted(
        path.relative_to(_SAMPLES).as_posix()
        for folder in ("issuers", "agreements")
        for path in (_SAMPLES / folder).rglob("*.json")
    )
    members = read_federation(
        {"federation.json": (_SAMPLES / "federation.json").read_bytes()}
    ).members
    assert {path.split("/")[1] for path in found} == {member.country for member in members}
    for path in found:
        content = (_SAMPLES / path).read_bytes()
        check_country_file(path, content, path)
        assert place_country_file(content, path.split("/")[1], path) == (path, content)


def test_every_sample_agreement_is_listed_alike_by_all_its_parties() -> None:
    for path in (_SAMPLES / "agreements").rglob("*.json"):
        content = path.read_bytes()
        for party in json.loads(content)["parties"]:
            assert (_SAMPLES / "agreements" / party / path.name).read_bytes() == content
        assert json.loads(content)["note"] == "sample: binds nobody"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", "no JSON object"),
        (b"\xff", "no JSON object"),
        (b"{}", "neither a join request"),
        (b'{"format": "symbolon-join/2", "node": {}}', "format"),
        (b'{"issuers": [{}]}', "issuers"),
        (b'{"levels": []}', "levels"),
        (b'{"parties": ["XA", "XB"]}', "id"),
    ],
)
def test_refuses_a_countrys_file_that_is_none(content: bytes, said: str) -> None:
    with pytest.raises(Refusal, match=said) as refused:
        place_country_file(content, "XA", "it")
    assert refused.value.code is Code.MALFORMED


def test_refuses_a_country_that_is_a_member_twice_and_a_strange_file() -> None:
    member = b'{"country": "XA", "since": "2026-01-01"}'
    twice = b'{"name": "F", "members": [%b, %b]}' % (member, member)
    with pytest.raises(Refusal, match="a member once"):
        check_federation_file("federation.json", twice)
    with pytest.raises(Refusal, match="are the federation's"):
        check_federation_file("other.json", b"{}")


def test_a_retired_key_stays_listed_when_a_node_is_described_anew() -> None:
    earlier = node_file("XA")
    journal = replace(
        earlier.journal, keys=tuple(key_entry("XA", signer) for signer in journal_signers("XA", 2))
    )
    fresh = replace(earlier, journal=journal, tls=(certificate_entry("XA", 2),))
    kept = with_history(fresh, earlier)
    assert {*kept.journal.keys} == {*journal.keys, *earlier.journal.keys}
    assert {*kept.tls} == {*fresh.tls, *earlier.tls}
    assert with_history(earlier, earlier) == earlier
