"""What is different between two trust lists, in sentences."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from securesystemslib.signer import CryptoSigner

from node.model.listing import Listing, listing_of
from node.model.trust_diff import diff
from node.model.trust_files import AccreditationEntry, IssuersFile
from tests.federation import (
    COLLEGE,
    agreement_files,
    certificate_entry,
    changed_agreement,
    compose,
    issuers_file,
    journal_signers,
    key_entry,
    make_root,
    node_file,
    role_signer,
    trust_files,
)
from tests.trust_cases import edited, with_node

END = datetime(2027, 1, 1, tzinfo=UTC)
WHO = "XB (Authority of XB)"


def sources(files: Mapping[str, bytes]) -> Listing:
    return Listing(kind="sources", files=dict(files))


def told(new: Mapping[str, bytes], old: Mapping[str, bytes] | None = None) -> list[str]:
    """Return the sentences of what is different from the sample federation's files."""
    before = trust_files() if old is None else old
    return [change.sentence for change in diff(sources(before), sources(new))]


def described(**changes: Any) -> list[str]:
    return told(with_node(replace(node_file("XB"), **changes), "XB"))


def test_says_nothing_where_nothing_is_different() -> None:
    assert told(trust_files()) == []
    listing = listing_of(compose(trust_files()))
    assert diff(listing, listing_of(compose(trust_files(), 2))) == ()
    assert diff(listing, listing) == ()


# --- nodes ---------------------------------------------------------------------------------


def test_says_until_when_an_old_certificate_counts() -> None:
    old = replace(certificate_entry("XB"), valid_until=END)
    assert described(tls=(old, certificate_entry("XB", 2))) == [
        (
            f"{WHO} has changed its TLS certificate from 2026-01-01 00:00 UTC on; the old one "
            "counts until 2027-01-01 00:00 UTC."
        )
    ]
    (both,) = described(tls=(certificate_entry("XB"), certificate_entry("XB", 2)))
    assert both.endswith("the old one still counts.")
    (gone,) = described(tls=(certificate_entry("XB", 2),))
    assert gone.endswith("the old one counts no more.")


def test_says_which_key_is_retired_and_why() -> None:
    journal = node_file("XB").journal
    signer = journal_signers("XB")[0]
    retired = key_entry("XB", signer, valid_until=END, retired_because="lost")
    new = key_entry("XB", journal_signers("XB", 2)[0])
    keys = (retired, journal.keys[1], new)
    name = signer.verifier.key_id.hex()
    new_name = journal_signers("XB", 2)[0].verifier.key_id.hex()
    assert described(journal=replace(journal, keys=keys)) == [
        (
            f"{WHO} has retired its journal key {name}; it counts until 2027-01-01 00:00 UTC, "
            "because: lost."
        ),
        f"{WHO} has a new journal key {new_name}, from 2026-01-01 00:00 UTC.",
    ]
    (gone,) = described(journal=replace(journal, keys=journal.keys[1:]))
    assert "can no longer be checked" in gone


def test_says_that_a_node_has_moved_or_is_new_or_gone() -> None:
    assert described(endpoint="new.example:1") == [
        f"{WHO} is now reached at new.example:1, before: xb.symbolon.example:7443."
    ]
    without = {name: data for name, data in trust_files().items() if "nodes/XB" not in name}
    assert told(trust_files(), without) == [f"{WHO} has a node now, at xb.symbolon.example:7443."]
    assert told(without) == [f"{WHO} has no node any more."]


# --- members -------------------------------------------------------------------------------


def members(*countries: str, **more: Any) -> dict[str, bytes]:
    entries = [{"country": one, "since": "2026-01-01"} for one in countries]
    entries[0].update(more)
    return edited("federation.json", members=entries)


def test_says_who_was_admitted_expelled_suspended_and_reinstated() -> None:
    three = members("XA", "XB", "XC")
    assert told(members("XA", "XB", "XC", "XD"), three) == [
        "XD has been admitted; it is a member from 2026-01-01."
    ]
    (expelled,) = told(members("XA", "XC"), three)
    assert expelled.startswith(f"{WHO} has been expelled;")
    out = members("XB", "XA", "XC", suspended_since="2026-11-01T00:00:00Z", reason="keys lost")
    (suspended,) = told(out, three)
    assert suspended.startswith(
        f"{WHO} is suspended from 2026-11-01 00:00 UTC, because: keys lost;"
    )
    assert told(three, out) == [f"{WHO} is suspended no more."]


def test_says_which_signatures_are_required() -> None:
    assert told(edited("policy.json", seals_required=["ed25519"])) == [
        "Every checkpoint must now be signed with ed25519."
    ]


# --- agreements ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"purposes": ["employment"]}, "no longer covers licensing and enrolment."),
        ({"in_force_until": "2027-06-30"}, "ends on 2027-06-30, before: no end."),
        ({"version": 2}, "now says version 2."),
    ],
)
def test_says_what_an_agreement_covers_now(changes: dict[str, Any], said: str) -> None:
    assert told(changed_agreement(trust_files(), "xa-xb", **changes)) == [
        f"The agreement xa-xb {said}"
    ]


def test_says_what_an_agreement_also_covers() -> None:
    old = changed_agreement(trust_files(), "xb-xc", purposes=["employment"])
    new = changed_agreement(old, "xb-xc", purposes=["employment", "licensing"])
    assert told(new, old) == ["The agreement xb-xc now also covers licensing."]


def test_says_who_lists_an_agreement_that_others_do_not() -> None:
    whole = trust_files() | agreement_files("XA", "XB", id="second")
    half = {name: data for name, data in whole.items() if name != "agreements/XB/second.json"}
    (new,) = told(half)
    assert new.startswith("The agreement second is new: between XA and XB, for employment")
    assert new.endswith("XB does not list it yet, so it is not in force.")
    assert told(whole, half) == ["XB now lists the agreement second too."]
    (left,) = told(half, whole)
    assert left == "XB has withdrawn the agreement second, so it is not in force."
    assert told(trust_files(), whole) == ["The agreement second has been withdrawn by XA and XB."]


def test_says_by_whom_where_the_parties_list_different_texts() -> None:
    path = "agreements/XB/xa-xb.json"
    assert told(edited(path, purposes=["employment"])) == [
        "As XB lists it, the agreement xa-xb no longer covers licensing and enrolment."
    ]


# --- issuers -------------------------------------------------------------------------------


def issuers(**changes: Any) -> list[str]:
    (entry,) = issuers_file("XB").issuers
    file = IssuersFile((replace(entry, **changes),))
    return told(trust_files() | {"issuers/XB/issuers.json": msgspec.json.encode(file)})


def test_says_which_issuer_is_withdrawn_suspended_or_new() -> None:
    assert issuers(withdrawn_since=date(2026, 11, 1), reason="closed") == [
        f"{WHO} has withdrawn the issuer {COLLEGE} (xb-college) from 2026-11-01, because: closed."
    ]
    assert issuers(suspended_since=date(2026, 11, 1)) == [
        f"{WHO} has suspended the issuer {COLLEGE} (xb-college) from 2026-11-01."
    ]
    new, gone = issuers(id="other")
    assert new.startswith(f"{WHO} lists a new issuer, {COLLEGE} (other), accredited for full")
    assert gone == f"{WHO} lists the issuer {COLLEGE} (xb-college) no more."


def test_says_what_an_issuer_may_award_now_and_no_longer() -> None:
    more = AccreditationEntry(("7411",), (4,), ("licence",), date(2026, 1, 1), "Ministry")
    (entry,) = issuers_file("XB").issuers
    assert issuers(accredited=(*entry.accredited, more)) == [
        (
            f"{WHO} now accredits the issuer {COLLEGE} (xb-college) for licence in occupations "
            "7411 (ISCO-08), EQF level 4, from 2026-01-01."
        )
    ]
    (less,) = issuers(accredited=())
    assert less.startswith(f"{WHO} no longer accredits the issuer {COLLEGE} (xb-college) for full")


def test_says_what_a_national_level_is_now() -> None:
    path = "issuers/XB/framework.json"
    levels = [{"national": "NQF 4", "eqf": 5}, {"national": "6", "eqf": 6}]
    assert told(edited(path, levels=levels)) == [
        f"{WHO}: NQF 4 is now EQF level 5, before: EQF level 4.",
        f"{WHO} has a new level, 6, which is EQF level 6.",
        f"{WHO} has no level 5 any more.",
    ]


# --- officers ------------------------------------------------------------------------------


def test_says_which_officers_keys_and_thresholds_are_others() -> None:
    def more(role: str) -> Sequence[CryptoSigner]:
        numbers = (1, 2) if role in {"country-XB", "targets"} else (1,)
        return [role_signer(role, number) for number in numbers]

    roots = (make_root(), make_root(2, signers=more))
    old, new = compose(trust_files()), compose(trust_files(), 2, roots=roots, signers=more)
    sentences = [change.sentence for change in diff(listing_of(old), listing_of(new))]
    added = role_signer("targets", 2).public_key.keyid[:8]
    assert f"Key {added} has been taken into targets." in sentences
    assert "2 of 2 keys must now sign targets, before: 1 of 1." in sentences
    assert "2 of 2 keys must now sign XB, before: 1 of 1." in sentences
    assert any("The root is now version 2, with the fingerprint" in one for one in sentences)


# --- what cannot be read -------------------------------------------------------------------


def test_says_what_cannot_be_read_and_goes_on() -> None:
    files = trust_files() | {"nodes/XB/node.json": b"{", "policy.json": b"[]"}
    sentences = told(files)
    assert any("nodes/XB/node.json of the new list cannot be read" in one for one in sentences)
    assert any("policy.json of the new list cannot be read" in one for one in sentences)
    assert "The file surprise.json is new." in told(trust_files() | {"surprise.json": b"1"})
