"""Looking a trust list over: each thing that is wrong is found, with its file and field."""

import base64
import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from node.model.lint_roles import COUNTRY_FILES_MAX
from node.model.listing import Listing
from node.model.lote import make_lote
from node.model.note import Ed25519Signer, KeyKind
from node.model.trust_files import AddressEntry, FederationFile, MemberEntry, SchemeFile
from node.model.trust_lint import Finding, Severity, lint
from tests.benchmarks.trust import AGREEMENTS, large_federation
from tests.federation import (
    NODES,
    START,
    agreement_files,
    certificate_entry,
    changed_agreement,
    journal_signers,
    key_entry,
    node_file,
    trust_files,
)

XB = "nodes/XB/node.json"


def found(files: Mapping[str, bytes], now: int = START) -> list[Finding]:
    """Look over readable sources."""
    return list(lint(Listing(kind="sources", files=dict(files)), now))


def one(files: Mapping[str, bytes], file: str, field: str, now: int = START) -> Finding:
    """Return the one finding about a field."""
    matching = [each for each in found(files, now) if (each.file, each.field) == (file, field)]
    assert len(matching) == 1, found(files, now)
    return matching[0]


def changed(path: str, **changes: Any) -> dict[str, bytes]:
    """Return the sample federation's files with fields of one changed."""
    files = trust_files()
    content = msgspec.json.decode(files[path]) | changes
    return {**files, path: msgspec.json.encode(content)}


def described(**changes: Any) -> dict[str, bytes]:
    """Return the files with another description of XB."""
    return {**trust_files(), XB: msgspec.json.encode(replace(node_file("XB"), **changes))}


def issuer(**changes: Any) -> dict[str, bytes]:
    """Return the files with another accreditation of XA's college."""
    accredited = {
        "isco08": ["72"],
        "levels_eqf": [4],
        "award_types": ["unit"],
        "from": "2010-01-01",
        "by": "Ministry",
    } | changes
    entry = {"id": "xa-college", "name": "College", "accredited": [accredited]}
    return changed("issuers/XA/issuers.json", issuers=[entry])


def test_finds_nothing_to_mend_in_the_sample_federation() -> None:
    assert {each.severity for each in found(trust_files())} == {Severity.NOTE}


# --- schemas -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "Input data was truncated"), (b"\xff{", "JSON is malformed"), (b"[]", "Expected")],
)
def test_a_file_that_is_none_is_a_finding_and_stops_nothing(content: bytes, said: str) -> None:
    files = {**trust_files(), "policy.json": content, "surprise.json": b"{}"}
    assert said in one(files, "policy.json", "").sentence
    assert one(files, "surprise.json", "").severity is Severity.WARNING


def test_names_the_field_that_the_schema_does_not_allow() -> None:
    finding = one(
        issuer(levels_eqf=[9]),
        "issuers/XA/issuers.json",
        "issuers[0].accredited[0].levels_eqf[0]",
    )
    assert finding.severity is Severity.ERROR
    assert "<= 8" in finding.sentence


def test_a_key_without_its_proof_says_who_makes_one() -> None:
    file = msgspec.json.decode(trust_files()[XB])
    del file["journal"]["keys"][1]["possession"]
    files = {**trust_files(), XB: msgspec.json.encode(file)}
    finding = one(files, XB, "journal.keys[1].possession")
    assert "symbolon join" in finding.sentence


# --- keys ----------------------------------------------------------------------------------


def test_finds_a_proof_that_is_another_nodes() -> None:
    stolen = certificate_entry("XA")
    finding = one(described(tls=(certificate_entry("XB"), stolen)), XB, "tls[1]")
    assert finding.severity is Severity.ERROR
    assert "spiffe://symbolon/XB" in finding.sentence


def test_finds_a_key_of_small_order() -> None:
    journal = node_file("XB").journal
    key = bytes([KeyKind.ED25519]) + bytes(32)
    key_id = hashlib.sha256(f"{journal.origin}\n".encode() + key).hexdigest()[:8]
    weak = f"{journal.origin}+{key_id}+{base64.b64encode(key).decode()}"
    entry = replace(journal.keys[0], verifier=weak)
    files = described(journal=replace(journal, keys=(*journal.keys, entry)))
    assert "small order" in one(files, XB, "journal.keys[2]").sentence


def test_finds_one_key_under_two_nodes_on_both_sides() -> None:
    seed = b"XA 1".ljust(32, b"1")
    signer = Ed25519Signer(node_file("XB").journal.origin, seed)
    journal = node_file("XB").journal
    files = described(journal=replace(journal, keys=(*journal.keys, key_entry("XB", signer))))
    assert "a key of XA too (journal.keys[0])" in one(files, XB, "journal.keys[2]").sentence
    there = one(files, "nodes/XA/node.json", "journal.keys[0]")
    assert "a key of XB too (journal.keys[2])" in there.sentence


def test_finds_a_key_listed_twice_in_one_node() -> None:
    keys = node_file("XB").journal.keys
    journal = replace(node_file("XB").journal, keys=(*keys, keys[0]))
    assert "same key" in one(described(journal=journal), XB, "journal.keys[2]").sentence


# --- dates ---------------------------------------------------------------------------------


def test_finds_an_end_before_the_beginning() -> None:
    entry = replace(certificate_entry("XB", 2), valid_until=datetime(2025, 1, 1, tzinfo=UTC))
    files = described(tls=(certificate_entry("XB"), entry))
    assert "not after it begins" in one(files, XB, "tls[1].valid_until").sentence
    files = changed_agreement(trust_files(), "xa-xb", in_force_until="2023-01-01")
    path = "agreements/XA/xa-xb.json"
    assert "before it begins" in one(files, path, "in_force_until").sentence
    assert (
        one(
            issuer(until="2009-01-01"), "issuers/XA/issuers.json", "issuers[0].accredited[0].until"
        ).severity
        is Severity.ERROR
    )


def test_finds_that_no_certificate_counts_now() -> None:
    later = replace(certificate_entry("XB"), valid_from=datetime(2027, 1, 1, tzinfo=UTC))
    finding = one(described(tls=(later,)), XB, "tls")
    assert finding.severity is Severity.ERROR
    assert "before 2027-01-01" in finding.sentence


def test_finds_a_gap_between_two_certificates_and_an_end_that_is_near() -> None:
    first = replace(certificate_entry("XB"), valid_until=datetime(2027, 1, 1, tzinfo=UTC))
    second = replace(certificate_entry("XB", 2), valid_from=datetime(2027, 2, 1, tzinfo=UTC))
    gap = one(described(tls=(first, second)), XB, "tls")
    assert "From 2027-01-01 to 2027-02-01 no TLS certificate counts" in gap.sentence
    near = replace(certificate_entry("XB"), valid_until=datetime(2026, 12, 1, tzinfo=UTC))
    finding = one(described(tls=(near,)), XB, "tls")
    assert (finding.severity, "2026-12-01" in finding.sentence) == (Severity.WARNING, True)


def test_finds_a_certificate_that_ends_before_it_is_listed_out() -> None:
    entry = replace(certificate_entry("XB"), valid_until=datetime(2101, 1, 1, tzinfo=UTC))
    finding = one(described(tls=(entry,)), XB, "tls[0].valid_until")
    assert "2100-01-01, before it is listed out on 2101-01-01" in finding.sentence


def test_finds_two_keys_of_a_kind_that_never_end() -> None:
    more = tuple(key_entry("XB", signer) for signer in journal_signers("XB", 2))
    journal = replace(node_file("XB").journal, keys=(*node_file("XB").journal.keys, *more))
    findings = [each for each in found(described(journal=journal)) if each.file == XB]
    assert [each.severity for each in findings] == [Severity.WARNING] * 2
    assert all("have no end" in each.sentence for each in findings)


# --- members -------------------------------------------------------------------------------


def test_finds_members_without_a_node_and_strangers_with_files() -> None:
    files = trust_files()
    del files[XB]
    assert "symbolon join" in one(files, XB, "").sentence
    members = [{"country": one, "since": "2026-01-01"} for one in ("XA", "XB")]
    finding = one(changed("federation.json", members=members), "federation.json", "members")
    assert (finding.severity, "XC" in finding.sentence) == (Severity.ERROR, True)


def test_finds_a_member_named_twice_and_a_suspension_without_a_reason() -> None:
    members = [{"country": one, "since": "2026-01-01"} for one in ("XA", "XB", "XC", "XA")]
    members[1]["suspended_since"] = "2026-02-01T00:00:00Z"
    files = changed("federation.json", members=members)
    assert "XA is a member 2 times" in one(files, "federation.json", "members").sentence
    assert "why XB" in one(files, "federation.json", "members[1].reason").sentence


def test_finds_more_files_of_a_country_than_nodes_take() -> None:
    files = trust_files()
    for number in range(COUNTRY_FILES_MAX):
        files[f"agreements/XA/a{number}.json"] = b"{}"
    finding = one(files, "agreements/XA", "")
    assert (finding.severity, "2005 files" in finding.sentence) == (Severity.ERROR, True)


# --- agreements ----------------------------------------------------------------------------


def test_finds_an_agreement_that_only_one_side_lists() -> None:
    files = trust_files()
    del files["agreements/XB/xa-xb.json"]
    finding = one(files, "agreements/XA/xa-xb.json", "parties")
    assert finding.severity is Severity.WARNING
    assert "listed by XA and not by XB" in finding.sentence


def test_finds_two_texts_under_one_name_and_says_where_they_differ() -> None:
    path = "agreements/XB/xa-xb.json"
    finding = one(changed(path, purposes=["employment"], version=2), path, "")
    assert finding.severity is Severity.ERROR
    assert "XA and XB list different texts as xa-xb (version, purposes)" in finding.sentence


def test_finds_parties_that_are_no_members_and_listers_that_are_no_parties() -> None:
    files = trust_files() | agreement_files("XA", "XQ")
    del files["agreements/XQ/xa-xq.json"]
    sentences = [each.sentence for each in found(files) if each.file == "agreements/XA/xa-xq.json"]
    assert any("XQ of xa-xq is no member" in sentence for sentence in sentences)
    content = trust_files()["agreements/XA/xa-xb.json"]
    files = {**trust_files(), "agreements/XC/xa-xb.json": content}
    assert "is no party" in one(files, "agreements/XC/xa-xb.json", "").sentence


def test_finds_agreements_of_the_same_parties_that_overlap() -> None:
    second = agreement_files("XA", "XB", id="xa-xb-2", purposes=["employment"])
    finding = one(trust_files() | second, "agreements/XA/xa-xb-2.json", "in_force_from")
    assert finding.severity is Severity.WARNING
    assert "cover different purposes" in finding.sentence
    apart = agreement_files(
        "XA", "XB", id="xa-xb-0", in_force_from="2020-01-01", in_force_until="2023-12-31"
    )
    assert {each.severity for each in found(trust_files() | apart)} == {Severity.NOTE}


# --- issuers -------------------------------------------------------------------------------


def test_finds_occupations_that_isco_does_not_have() -> None:
    finding = one(
        issuer(isco08=["72", "7219"]), "issuers/XA/issuers.json", "issuers[0].accredited[0].isco08"
    )
    assert finding.sentence.startswith("ISCO-08 has no 7219;")


def test_finds_levels_that_the_countrys_framework_does_not_have() -> None:
    field = "issuers[0].accredited[0].levels_eqf"
    assert "EQF 6" in one(issuer(levels_eqf=[4, 6]), "issuers/XA/issuers.json", field).sentence


@pytest.mark.parametrize(
    ("second", "overlaps"),
    [
        ({"isco08": ["7212"]}, True),
        ({"isco08": ["7"]}, True),
        ({"isco08": ["71"]}, False),
        ({"levels_eqf": [3]}, False),
        ({"award_types": ["licence"]}, False),
        ({"from": "2020-01-02"}, False),
        ({"from": "2020-01-01"}, True),
    ],
)
def test_finds_accreditations_of_one_issuer_that_overlap(
    second: dict[str, Any], overlaps: bool
) -> None:
    first = {
        "isco08": ["72"],
        "levels_eqf": [4],
        "award_types": ["unit"],
        "from": "2010-01-01",
        "until": "2020-01-01",
        "by": "Ministry",
    }
    again = {name: value for name, value in first.items() if name != "until"} | second
    entry = {"id": "xa-college", "name": "College", "accredited": [first, again]}
    files = changed("issuers/XA/issuers.json", issuers=[entry])
    found_there = [each for each in found(files) if each.field == "issuers[0].accredited[1]"]
    assert bool(found_there) is overlaps


def test_finds_issuers_named_twice_and_withdrawn_without_a_reason() -> None:
    entry = {"id": "a", "name": "A", "accredited": [], "withdrawn_since": "2026-01-01"}
    files = changed("issuers/XA/issuers.json", issuers=[entry, entry])
    assert "stands 2 times" in one(files, "issuers/XA/issuers.json", "issuers").sentence
    assert one(files, "issuers/XA/issuers.json", "issuers[0].reason").severity is Severity.WARNING


# --- the list in another form --------------------------------------------------------------


def test_finds_a_list_after_etsi_that_names_other_certificates() -> None:
    def about(files: Mapping[str, bytes]) -> list[str]:
        listing = Listing(kind="staged", files=dict(files))
        return [each.sentence for each in lint(listing, START) if each.file == "etsi/lote.json"]

    nodes = {node_id: node_file(node_id) for node_id in NODES}
    addresses = dict.fromkeys(
        NODES, AddressEntry("1 Way", "Town", "XA", "a@b.example", "https://b")
    )
    made = make_lote(
        FederationFile("F", tuple(MemberEntry(one, date(2026, 1, 1)) for one in NODES)),
        nodes,
        SchemeFile(addresses["XA"], addresses, "https://b/rules"),
        sequence_number=1,
        now=START,
        next_update=START,
    )
    assert made is not None
    assert about({**trust_files(), "etsi/lote.json": made}) == []
    changed_since = described(tls=(certificate_entry("XB", 2),))
    (said,) = about({**changed_since, "etsi/lote.json": made})
    assert "symbolon trust lote" in said
    assert about({**trust_files(), "etsi/lote.json": b"{}"}) == [said]


# --- large ---------------------------------------------------------------------------------


def test_looks_over_a_large_federation_within_seconds() -> None:
    files = large_federation()
    started = time.process_time()
    findings = found(files)
    assert time.process_time() - started < 5, AGREEMENTS
    assert findings == []


def test_tells_of_each_file_no_more_than_one_can_read() -> None:
    entry = {"id": "a", "name": "A", "accredited": []}
    files = changed("issuers/XA/issuers.json", issuers=[entry] * 300)
    there = [each for each in found(files) if each.file == "issuers/XA/issuers.json"]
    assert [each.severity for each in there] == [Severity.ERROR] + [Severity.NOTE] * 100
    assert any("There is more" in each.sentence for each in there)
