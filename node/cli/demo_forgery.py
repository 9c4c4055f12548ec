"""A forger's work: the smallest change of a receipt that would be worth money."""

from msgspec import Struct
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.credential import Field
from node.model.statement import Answer
from node.wire.codec import decode_statement
from node.wire.receipt import decode_receipt, encode_receipt


class Forgery(Struct, frozen=True):
    """A forged receipt that differs from the true one in one byte, at `at`."""

    content: bytes
    at: int
    level_before: str
    level: str


def raise_level(receipt: bytes) -> Forgery:
    """Raise the EQF level that a receipt shows by one, and leave all else as it is.

    Raises:
        Refusal: MALFORMED where it shows no level that one changed bit would raise.
    """
    true = decode_receipt(receipt)
    statement = true.answer.statement
    before = _level(statement)
    for at in range(len(statement)):
        forged = bytearray(statement)
        forged[at] ^= 1
        try:
            after = _level(bytes(forged))
        except Refusal:
            continue
        if before.isdigit() and after == str(int(before) + 1):
            answer = replace(true.answer, statement=bytes(forged))
            content = encode_receipt(replace(true, answer=answer))
            changed = [place for place, byte in enumerate(content) if byte != receipt[place]]
            return Forgery(content, changed[0], before, after)
    raise Refusal(Code.MALFORMED, "receipt: shows no level that can be forged with one bit")


def _level(statement: bytes) -> str:
    answer = decode_statement(statement).body
    if not isinstance(answer, Answer):
        return ""
    return next((one.value for one in answer.disclosed if one.field is Field.LEVEL_EQF), "")
