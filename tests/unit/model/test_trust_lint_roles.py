"""Looking over metadata: signatures, keys, expiry, and what each role lists."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace
from securesystemslib.signer import CryptoSigner

from node.model.listing import Listing, listing_of
from node.model.trust import TrustBundle
from node.model.trust_lint import Finding, Severity, lint
from tests.federation import (
    DAY_US,
    START,
    Change,
    compose,
    expiring,
    make_root,
    role_signer,
    trust_files,
    unchanged,
)
from tests.trust_cases import delegating, listing

LATE = START + 60 * DAY_US


def _two(role: str) -> Sequence[CryptoSigner]:
    return [role_signer(role, number) for number in (1, 2)]


def published(change: Change = unchanged, bundle: TrustBundle | None = None) -> Listing:
    """Return the sample federation as it is published: two keys for each role."""
    made = bundle or compose(trust_files(), 1, LATE, signers=_two, change=change)
    return replace(listing_of(made), kind="published")


def found(listing: Listing, now: int = START) -> list[Finding]:
    """Look, and return what is no mere note."""
    return [one for one in lint(listing, now) if one.severity is not Severity.NOTE]


def error(listing: Listing, file: str, said: str, now: int = START) -> None:
    """Check that an error is found about a file."""
    errors = [one for one in found(listing, now) if one.severity is Severity.ERROR]
    assert any(one.file == file and said in one.sentence for one in errors), errors


def test_finds_nothing_wrong_with_what_was_signed_well() -> None:
    assert found(published()) == []


def test_says_where_one_key_alone_signs_and_where_all_must() -> None:
    alone = found(published(bundle=compose(trust_files(), 1, LATE)))
    assert {one.severity for one in alone} == {Severity.WARNING}
    assert {one.file for one in alone} == {"root.json", "targets.json"}
    assert all("one stolen key is enough" in one.sentence for one in alone)
    notes = [one.sentence for one in lint(published(), START)]
    assert sum("one lost key stops it" in sentence for sentence in notes) == 5


def test_finds_roles_that_have_expired_or_soon_will() -> None:
    late = published(expiring("country-XB", START + 5 * DAY_US))
    (near,) = found(late)
    assert (near.severity, near.file, near.field) == (
        Severity.WARNING,
        "country-XB.json",
        "expires",
    )
    error(late, "country-XB.json", "It expired on", START + 6 * DAY_US)


def test_finds_missing_signatures_and_tells_who_still_has_to_sign() -> None:
    def one_short(role: str) -> Sequence[CryptoSigner]:
        return _two(role)[:1] if role == "country-XB" else _two(role)

    good = compose(trust_files(), 1, LATE, signers=_two)
    short = compose(trust_files(), 1, LATE, signers=one_short)
    metadata = {**good.metadata, "country-XB.json": short.metadata["country-XB.json"]}
    listed = published(bundle=TrustBundle(metadata, good.files))
    errors = [one for one in found(listed) if one.file == "country-XB.json"]
    assert "1 of 2 signatures are missing" in errors[0].sentence
    waiting = replace(listed, kind="staged", waiting=frozenset({"country-XB"}))
    assert found(waiting) == []
    notes = [one for one in lint(waiting, START) if one.field == "signatures"]
    assert "1 of 2 signatures are missing" in notes[0].sentence


def test_finds_what_a_country_lists_of_another() -> None:
    error(
        published(listing("country-XB", "nodes/XA/other.json")),
        "country-XB.json",
        "which is not its own",
    )


def test_finds_a_file_that_is_not_the_one_that_was_signed() -> None:
    listed = published()
    path = "issuers/XB/issuers.json"
    error(
        replace(listed, files={**listed.files, path: listed.files[path] + b" "}),
        "country-XB.json",
        "is not the file that was signed",
    )
    files = {name: data for name, data in listed.files.items() if name != path}
    error(replace(listed, files=files), "country-XB.json", "is listed, but not there")


def test_finds_a_country_without_a_node_in_its_list() -> None:
    files = trust_files()
    del files["nodes/XB/node.json"]
    error(
        published(bundle=compose(files, 1, LATE, signers=_two)),
        "country-XB.json",
        "lists no node.json",
    )


def test_finds_roles_of_different_publications() -> None:
    old, new = (
        compose(trust_files(), 1, LATE, signers=_two),
        compose(trust_files(), 2, LATE, signers=_two),
    )
    metadata = {**new.metadata, "country-XC.json": old.metadata["country-XC.json"]}
    mixed = published(bundle=TrustBundle(metadata, new.files))
    error(mixed, "snapshot.json", "names another country-XC (version 2)")
    error(mixed, "country-XC.json", "Nodes leave it out")


def test_finds_delegations_beyond_a_countrys_own_paths_and_shared_keys() -> None:
    wide = delegating("XB", lambda role, _: setattr(role, "paths", ["nodes/*"]))
    error(published(wide), "targets.json", "its own paths only")

    def borrowing(role: str) -> Sequence[CryptoSigner]:
        return _two("country-XA" if role == "country-XB" else role)

    errors = found(published(bundle=compose(trust_files(), 1, LATE, signers=borrowing)))
    assert any("shares a key with country-XA" in one.sentence for one in errors)


def test_finds_an_officers_key_that_the_publisher_has_too() -> None:
    def shared(role: str) -> Sequence[CryptoSigner]:
        return _two("targets" if role == "timestamp" else role)

    errors = found(published(bundle=compose(trust_files(), 1, LATE, signers=shared)))
    assert any("publisher" in one.sentence for one in errors)


def test_finds_members_and_delegations_that_do_not_match() -> None:
    files = trust_files()
    content = msgspec.json.decode(files["federation.json"])
    content["members"] = content["members"][:2]
    files["federation.json"] = msgspec.json.encode(content)
    errors = found(published(bundle=compose(files, 1, LATE, signers=_two)))
    assert any("XC has a role and no entry" in one.sentence for one in errors)


def test_finds_a_root_that_skips_a_version() -> None:
    roots = (make_root(1, signers=_two), make_root(3, signers=_two))
    listed = replace(published(), roots=roots)
    errors = [one for one in found(listed) if one.file == "root.json"]
    assert any("Version 3 follows 1" in one.sentence for one in errors)


def test_metadata_that_are_none_are_findings_and_stop_nothing() -> None:
    listed = published()
    broken = {**listed.metadata, "country-XB": b"{}", "snapshot": b"\xff"}
    errors = found(replace(listed, metadata=broken, roots=(b"nonsense",)))
    assert {"country-XB.json", "snapshot.json", "root.json"} <= {one.file for one in errors}
