"""Evidence of a fork: one JSON file that proves it by itself.

    {
      "format": "symbolon-evidence/1",
      "kind": "fork",
      "node": "XB",
      "seen_at_us": <when it was found, microseconds UTC>,
      "first":  <checkpoint as a signed note>,
      "second": <checkpoint as a signed note>,
      "path":   [<hash in base64>, …],
      "trust":  {"metadata": {<name>: <text>}, "files": {<path>: <text>}}
    }

`trust` is the trust list in force when it was found, as far as it concerns that node. Evidence has
exactly one encoding: what decodes encodes to the same bytes again.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.bounds import NODE_ID, exactly, number, pattern
from node.model.fork import Fork
from node.model.merkle import HASH_SIZE_BYTES, PATH_HASHES_MAX
from node.model.trust import TrustBundle
from node.wire.codec import TIME_MAX_US
from node.wire.trust_text import TrustText

EVIDENCE_SIZE_MAX_BYTES: Final = 1 << 22
SUFFIX: Final = ".evidence.json"


class ForkEvidence(Struct, frozen=True):
    """A forked journal's two heads, whose it is, when it was found, and what names its keys."""

    node: str
    seen_at: int
    fork: Fork
    trust: TrustBundle


class _EvidenceText(Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["symbolon-evidence/1"]
    kind: Literal["fork"]
    node: str
    seen_at_us: int
    first: str
    second: str
    path: tuple[bytes, ...]
    trust: TrustText


def encode_evidence(evidence: ForkEvidence) -> bytes:
    """Return the one encoding of evidence.

    Raises:
        Refusal: MALFORMED where a part is no UTF-8 or the whole too large.
    """
    fork, trust = evidence.fork, evidence.trust
    starts = range(0, len(fork.path), HASH_SIZE_BYTES)
    try:
        content = _EvidenceText(
            "symbolon-evidence/1",
            "fork",
            evidence.node,
            evidence.seen_at,
            fork.first.decode(),
            fork.second.decode(),
            tuple(fork.path[at : at + HASH_SIZE_BYTES] for at in starts),
            TrustText.of(trust),
        )
        data = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    except UnicodeError:
        raise Refusal(Code.MALFORMED, "evidence: a text in it is not UTF-8") from None
    if len(data) > EVIDENCE_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"evidence: over {EVIDENCE_SIZE_MAX_BYTES} bytes")
    return data


def decode_evidence(data: bytes) -> ForkEvidence:
    """Read evidence strictly; nothing in it is verified yet.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    if len(data) > EVIDENCE_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"evidence: over {EVIDENCE_SIZE_MAX_BYTES} bytes")
    try:
        content = msgspec.json.decode(data, type=_EvidenceText)
        if len(content.path) > PATH_HASHES_MAX:
            raise Refusal(Code.MALFORMED, "evidence: path: has more than 63 hashes")
        hashes = [exactly(one, "evidence: path", HASH_SIZE_BYTES) for one in content.path]
        evidence = ForkEvidence(
            pattern(content.node, "evidence: node", NODE_ID, "a node id, like XA"),
            number(content.seen_at_us, "evidence: seen_at_us", 0, TIME_MAX_US),
            Fork(content.first.encode(), content.second.encode(), b"".join(hashes)),
            content.trust.bundle(),
        )
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal(Code.MALFORMED, f"evidence: {error}") from None
    if encode_evidence(evidence) != data:
        raise Refusal(
            Code.MALFORMED,
            "evidence: is not in its one encoding; use the file as it was exported, byte for byte",
        )
    return evidence
