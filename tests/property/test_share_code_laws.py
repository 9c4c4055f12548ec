from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Code, Refusal
from node.model.share_code import RANDOM_SIZE_BYTES, ShareCode, make, parse
from tests.strategies import node_ids

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"

codes = st.builds(make, node_ids, st.binary(min_size=RANDOM_SIZE_BYTES, max_size=RANDOM_SIZE_BYTES))


def _refused(text: str) -> str:
    with pytest.raises(Refusal) as refusal:
        parse(text)
    assert refusal.value.code is Code.MALFORMED
    return refusal.value.reason


@given(codes)
def test_a_share_code_is_read_as_it_was_printed(code: ShareCode) -> None:
    assert parse(str(code)) == code
    assert len(code.symbols) == 16
    assert set(code.symbols) <= set(_CROCKFORD)


@given(codes, st.data())
def test_a_share_code_is_read_as_people_type_it(code: ShareCode, data: st.DataObject) -> None:
    typed = str(code)
    head, _, rest = typed.partition("-")
    for symbol, likenesses in (("1", "1IiLl"), ("0", "0Oo")):
        rest = "".join(
            data.draw(st.sampled_from(likenesses)) if one == symbol else one for one in rest
        )
    rest = "".join(
        data.draw(st.sampled_from(["-", " ", "", " - ", "  "])) if one == "-" else one
        for one in rest
    )
    joint = data.draw(st.sampled_from(["-", " ", " - "]))
    around = data.draw(st.sampled_from(["", " ", "\n", "\t "]))
    case = data.draw(st.sampled_from([str.upper, str.lower, str.title]))
    typed = f"{around}{case(head + joint + rest)}{around}"
    assert parse(typed) == code


@given(codes)
def test_finds_every_single_wrong_symbol(code: ShareCode) -> None:
    for at, right in enumerate(code.symbols):
        for wrong in _CROCKFORD.replace(right, ""):
            typed = f"{code.node}-{code.symbols[:at]}{wrong}{code.symbols[at + 1 :]}"
            assert "wrong or swapped" in _refused(typed)


@given(codes)
def test_finds_every_single_wrong_letter_of_the_country(code: ShareCode) -> None:
    for at, right in enumerate(code.node):
        for wrong in (_LETTERS if right.isalpha() else _DIGITS).replace(right, ""):
            typed = f"{code.node[:at]}{wrong}{code.node[at + 1 :]}-{code.symbols}"
            assert "wrong or swapped" in _refused(typed)


@given(codes)
def test_finds_every_swap_of_neighbours(code: ShareCode) -> None:
    for at, (one, other) in enumerate(pairwise(list(code.symbols))):
        if one != other:
            swapped = code.symbols[:at] + other + one + code.symbols[at + 2 :]
            assert "wrong or swapped" in _refused(f"{code.node}-{swapped}")
    first, second = code.node[0], code.node[1]
    if first != second:
        assert "wrong or swapped" in _refused(f"{second}{first}{code.node[2:]}-{code.symbols}")


@given(codes, st.integers(0, 15))
def test_finds_every_symbol_left_out_or_doubled(code: ShareCode, at: int) -> None:
    head, tail = code.symbols[:at], code.symbols[at + 1 :]
    _refused(f"{code.node}-{head}{tail}")
    _refused(f"{code.node}-{head}{code.symbols[at] * 2}{tail}")


@given(st.text(max_size=80))
def test_reads_or_refuses_any_text_without_repeating_it(text: str) -> None:
    reason = ""
    try:
        code = parse(text)
    except Refusal as refusal:
        reason = refusal.reason
    else:
        assert parse(str(code)) == code
    assert len(text) < 5 or text not in reason


@given(codes, codes, st.dates(), st.dates())
def test_digest_and_proof_tell_codes_and_dates_apart(
    one: ShareCode, other: ShareCode, born: date, other_born: date
) -> None:
    assert (one.digest == other.digest) == (one == other)
    same = (one, born) == (other, other_born)
    assert (one.holder_proof(born) == other.holder_proof(other_born)) == same
    assert len(one.digest) == len(one.holder_proof(born)) == 32


@given(node_ids, st.binary(min_size=10, max_size=10), st.integers(0, 74))
def test_seventy_five_bits_of_randomness_all_count(node: str, seed: bytes, bit: int) -> None:
    flipped = (int.from_bytes(seed, "big") ^ (1 << bit)).to_bytes(10, "big")
    assert make(node, seed) != make(node, flipped)
