"""What of a trust list ends when: roles, journal keys, TLS certificates.

Of a node's keys only the one that lasts longest counts, kind by kind: the day on which none is left
is the day on which nobody believes the node any more.
"""

from collections.abc import Collection
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
        kind: role, certificate or key; in a report also agreement or accreditation.
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
        Expiry("role", name, role.expires_at, warn_before_us(name))
        for name, role in view.roles.items()
    ]
    for node in view.nodes.values():
        found += _of_node(node)
    return tuple(sorted(found, key=lambda expiry: (expiry.at, expiry.kind, expiry.name)))


def ends(view: TrustView, now: int) -> tuple[Expiry, ...]:
    """Return the end of everything, for a report: also of single keys, agreements, accreditations.

    What of these has ended is left out: it was to end, and nobody has to act. A key or certificate
    that another one outlasts has nothing to warn of.
    """
    found = list(expiries(view))
    for node in view.nodes.values():
        found += _singly(node, {one.at for one in found if one.name.split(" ")[0] == node.id})
    agreements = {
        (agreement.id, agreement.in_force_until)
        for between in view.agreements.values()
        for agreement in between
    }
    found += [
        Expiry("agreement", name, until, _WARN_BEFORE_US_MOST)
        for name, until in agreements
        if until is not None and until > now
    ]
    for issuer in view.issuers.values():
        lasting = [entry.until for entry in issuer.accreditations]
        until = None if None in lasting else max(filter(None, lasting), default=None)
        if until is not None and until > now and issuer.stands(now):
            name = f"{issuer.country} {issuer.id}"
            found.append(Expiry("accreditation", name, until, _WARN_BEFORE_US_MOST))
    told = [expiry for expiry in found if expiry.warn_before_us or expiry.at > now]
    return tuple(sorted(told, key=lambda expiry: (expiry.at, expiry.kind, expiry.name)))


def _singly(node: Node, told: Collection[int]) -> list[Expiry]:
    """Return the end of each key and certificate by itself, but those that are told already."""
    found = []
    for certificate in node.certificates:
        end = certificate.not_after
        if certificate.valid_until is not None:
            end = min(end, certificate.valid_until)
        found.append(
            Expiry("certificate", f"{node.id} {certificate.spki_digest.hex()[:8]}", end, 0)
        )
    for key in node.journal_keys:
        if key.valid_until is not None:
            name = f"{node.id} {_KEY_NAMES[key.verifier.kind]} {key.verifier.key_id.hex()}"
            found.append(Expiry("key", name, key.valid_until, 0))
    return [expiry for expiry in found if expiry.at not in told]


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


def warn_before_us(role: str) -> int:
    """Return how long before a role's expiry is time to act."""
    if role.startswith("country-"):
        return _WARN_BEFORE_US_COUNTRY
    return _WARN_BEFORE_US.get(role, _WARN_BEFORE_US_MOST)
