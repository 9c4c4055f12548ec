from datetime import date

import pytest

from node.errors import Code, Refusal
from node.model.share_code import RANDOM_SIZE_BYTES, ShareCode, make, parse

_CODE = make("XA", bytes(range(RANDOM_SIZE_BYTES)))


def test_is_printed_in_groups_that_a_person_can_dictate() -> None:
    head, *groups = str(_CODE).split("-")
    assert head == "XA"
    assert [len(group) for group in groups] == [4, 4, 4, 4]


@pytest.mark.parametrize(
    "typed",
    [
        str(_CODE),
        str(_CODE).lower(),
        str(_CODE).replace("-", " "),
        str(_CODE).replace("-", " - "),
        f"  {_CODE}\n",
        f"{_CODE.node}-{_CODE.symbols}",
        str(_CODE).replace("0", "O").replace("1", "I"),
        str(_CODE).replace("0", "o").replace("1", "l"),
    ],
)
def test_reads_what_people_type(typed: str) -> None:
    assert parse(typed) == _CODE


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "must begin with the country's letters"),
        ("XA", "must begin with the country's letters"),
        ("-7K3M-9QXT-2FDR-H4WZ", "must begin with the country's letters"),
        ("A-7K3M-9QXT-2FDR-H4WZ", "must begin with the country's letters"),
        ("XA123-7K3M-9QXT-2FDR-H4WZ", "must begin with the country's letters"),
        ("7K3M-9QXT-2FDR-H4WZ", "must begin with the country's letters"),
        ("XA-", "must have 16 letters or digits"),
        ("XA-7K3M-9QXT-2FDR", "must have 16 letters or digits"),
        ("XA-7K3M-9QXT-2FDR-H4WZ-0", "must have 16 letters or digits"),
        ("XA-7K3M-9QXT-2FDR-H4WU", "the letter U is never used"),
        ("XA-7K3M-9QXT-2FDR-H4W*", "must have 16 letters or digits"),
        ("XA-7К3М-9QXT-2FDR-H4WZ", "must have 16 letters or digits"),
        ("XA-٧K3M-9QXT-2FDR-H4WZ", "must have 16 letters or digits"),
        ("XA-" + "7" * 62, "longer than a share code can be"),
    ],
)
def test_tells_what_is_wrong_without_repeating_it(typed: str, reason: str) -> None:
    with pytest.raises(Refusal) as refusal:
        parse(typed)
    assert refusal.value.code is Code.MALFORMED
    assert reason in refusal.value.reason
    assert not typed[3:] or typed[3:] not in refusal.value.reason


def test_finds_the_check_symbol_swapped_with_its_neighbour() -> None:
    symbols = _CODE.symbols
    assert symbols[-1] != symbols[-2]
    with pytest.raises(Refusal, match="wrong or swapped"):
        parse(f"XA-{symbols[:-2]}{symbols[-1]}{symbols[-2]}")


@pytest.mark.parametrize(("right", "wrong"), [("UA", "NA"), ("PL", "PC"), ("NO", "NF")])
def test_finds_the_letter_of_another_country(right: str, wrong: str) -> None:
    code = make(right, bytes(RANDOM_SIZE_BYTES))
    with pytest.raises(Refusal, match="wrong or swapped"):
        parse(f"{wrong}-{code.symbols}")


def test_the_same_symbols_of_two_nodes_are_two_codes() -> None:
    one, other = (make(node, bytes(RANDOM_SIZE_BYTES)) for node in ("XA", "XB"))
    assert one.symbols[:-1] == other.symbols[:-1]
    assert one.digest != other.digest


def test_digest_and_holder_proof_never_change() -> None:
    code = ShareCode("XA", "7K3M9QXT2FDRH4WZ")
    assert code.digest.hex() == ("a387546a1f8ae63ab3a68ed5b9ab396bdf5ef20db6e95c923e1876d4336040c7")
    assert code.holder_proof(date(1991, 3, 14)).hex() == (
        "0fd43e9b1dfc5472481770f09e459c0e2a0983eb99f832c477f75261c05eb8a0"
    )
