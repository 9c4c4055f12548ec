import json
from typing import Any

import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.trust import TrustBundle
from node.wire.receipt import RECEIPT_SIZE_MAX_BYTES, Receipt, decode_receipt, encode_receipt
from tests.journals import Border


@pytest.fixture(scope="module")
def receipt() -> Receipt:
    border = Border()
    code = border.give(border.register())
    asked, answered, concluded = border.exchange(border.query(code))
    return border.receipt(asked[0], answered[0], concluded[0])


def rendered(content: Any) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"


def refusal(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        decode_receipt(data)
    assert caught.value.code is Code.MALFORMED
    return caught.value


def test_reads_back_a_receipt_and_writes_the_same_bytes(receipt: Receipt) -> None:
    data = encode_receipt(receipt)
    assert decode_receipt(data) == receipt
    assert encode_receipt(decode_receipt(data)) == data


def test_is_a_json_file_that_other_tools_read(receipt: Receipt) -> None:
    content = json.loads(encode_receipt(receipt))
    assert list(content) == ["format", "query", "answer", "conclusion", "trust"]
    assert content["format"] == "symbolon-receipt/1"
    assert content["query"]["proof"].startswith("c2sp.org/tlog-proof@v1\nindex ")
    (trust,) = content["trust"]
    assert list(trust["files"]) == sorted(receipt.trust[0].files)
    assert list(trust["metadata"]) == sorted(receipt.trust[0].metadata)
    assert rendered(content) == encode_receipt(receipt)


def test_refuses_every_other_way_to_write_the_same(receipt: Receipt) -> None:
    data = encode_receipt(receipt)
    content = json.loads(data)
    others = [
        json.dumps(content).encode(),
        data.rstrip(b"\n"),
        data + b" ",
        b"\xef\xbb\xbf" + data,
        rendered(dict(reversed(content.items()))),
        data.replace(b'"query"', b'"qu\\u0065ry"', 1),
        data.replace(b'  "format"', b'  "format": "symbolon-receipt/1",\n  "format"', 1),
    ]
    for other in others:
        assert other != data
        refusal(other)


@pytest.mark.parametrize("part", [(), ("query",), ("answer",), ("conclusion",), ("trust",)])
def test_refuses_a_key_that_it_does_not_know(receipt: Receipt, part: tuple[str, ...]) -> None:
    content = json.loads(encode_receipt(receipt))
    there = content[part[0]] if part else content
    there = there[0] if isinstance(there, list) else there
    there["extra"] = "x"
    assert "extra" in refusal(rendered(content)).reason


@pytest.mark.parametrize(
    ("part", "field", "value", "reason"),
    [
        ("query", "statement", "", "query.statement"),
        ("query", "statement", "A" * 4 * 21846, "query.statement"),
        ("query", "statement", "YQ", "query.statement"),
        ("query", "statement", "YR==", "one encoding"),
        ("query", "statement", "Y_-=", "query.statement"),
        ("query", "statement", "YWFh\n", "query.statement"),
        ("answer", "salt", "YWFh", "answer.salt"),
        ("conclusion", "proof", "", "conclusion.proof"),
        ("conclusion", "proof", "c2sp.org/tlog-proof@v1\nindex 0\n\nx\n", "conclusion.proof"),
        ("trust", "files", [], "trust[0].files"),
        ("trust", "metadata", None, "trust[0].metadata"),
    ],
)
def test_refuses_each_field_that_is_not_what_it_should_be(
    receipt: Receipt, part: str, field: str, value: object, reason: str
) -> None:
    content = json.loads(encode_receipt(receipt))
    there = content[part]
    (there[0] if isinstance(there, list) else there)[field] = value
    assert reason in refusal(rendered(content)).reason


def test_refuses_another_format_and_a_missing_part(receipt: Receipt) -> None:
    content = json.loads(encode_receipt(receipt))
    assert "format" in refusal(rendered(content | {"format": "symbolon-receipt/2"})).reason
    del content["answer"]
    assert "answer" in refusal(rendered(content)).reason


def test_refuses_what_is_no_json_of_this_form_at_all() -> None:
    for data in (b"", b"{", b"null", b"[]", b"\xff", b"[" * 100_000, b'{"query":' * 50_000):
        refusal(data)


def test_refuses_a_receipt_over_its_bound_unread(receipt: Receipt) -> None:
    assert "over" in refusal(b" " * (RECEIPT_SIZE_MAX_BYTES + 1)).reason
    large = TrustBundle({}, {"policy.json": b"x" * RECEIPT_SIZE_MAX_BYTES})
    with pytest.raises(Refusal, match="over"):
        encode_receipt(replace(receipt, trust=(large,)))


def test_refuses_to_write_files_that_are_no_text(receipt: Receipt) -> None:
    with pytest.raises(Refusal, match="UTF-8"):
        encode_receipt(replace(receipt, trust=(TrustBundle({"1.root.json": b"\xff"}, {}),)))
