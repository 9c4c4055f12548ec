"""What of a trust list ends when: roles, journal keys, TLS certificates.

Of a node's keys only the one that lasts longest counts, kind by kind: the day on which none is left
is the day on which nobody believes the node any more.
"""

from typing import Final

from msgspec import Struct

from node.model.note import KeyKind
from node.model.trust import Node, TrustView

_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_WARN_BEFORE_US: Final = {"timestamp": _DAY_US // 3, "snapshot": 2 * _DAY_US}
_WARN_BEFORE_US_COUNTRY: Final = 10 * _DAY_US
_WARN_BEFORE_US_MOST: Final = 30 * _DAY_US
_KEY_NAMES: Final = {KeyKind.ED25519: "ed25519", KeyKind.MLDSA44: "ml-dsa-44"}


class Expiry(Struct, frozen=True):
    """When something ends.

    Attributes:
        kind: role, certificate or key.
        name: of the role; of the node, and of a key also its kind: "XA ed25519".
        at: microseconds UTC.
        warn_before_us: how long before is time to act. What is signed for less than three months
            has a third of its time, everything else 30 days.
    """

    kind: str
    name: str
    at: int
    warn_before_us: int

    def is_near(self, now: int) -> bool:
        """Tell whether it is time to act, or past it."""
        return now >= self.at - self.warn_before_us


def expiries(view: TrustView) -> tuple[Expiry, ...]:
    """Return the end of everything in a trust list that has one, the first first."""
    found = [
        Expiry("role", name, role.expires_at, _warn_before_us(name))
        for name, role in view.roles.items()
    ]
    for node in view.nodes.values():
        found += _of_node(node)
    return tuple(sorted(found, key=lambda expiry: (expiry.at, expiry.kind, expiry.name)))


def _of_node(node: Node) -> list[Expiry]:
    end = max(
        certificate.not_after
        if certificate.valid_until is None
        else min(certificate.valid_until, certificate.not_after)
        for certificate in node.certificates
    )
    found = [Expiry("certificate", node.id, end, _WARN_BEFORE_US_MOST)]
    for kind, name in _KEY_NAMES.items():
        ends = [key.valid_until for key in node.journal_keys if key.verifier.kind is kind]
        lasting = [end for end in ends if end is not None]
        if ends and len(lasting) == len(ends):
            found.append(Expiry("key", f"{node.id} {name}", max(lasting), _WARN_BEFORE_US_MOST))
    return found


def _warn_before_us(role: str) -> int:
    if role.startswith("country-"):
        return _WARN_BEFORE_US_COUNTRY
    return _WARN_BEFORE_US.get(role, _WARN_BEFORE_US_MOST)
