"""Looking at one file of a trust list: schema, keys, dates, occupations."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from itertools import combinations
from typing import Final

from msgspec.structs import replace

from node.errors import Refusal
from node.model.issuers import make_framework, make_issuers
from node.model.lint_notes import Notes
from node.model.moments import DAY_US, day_text, moment_text
from node.model.note import VerifierKey
from node.model.occupations import ISCO08
from node.model.recognition.lint import lint_recognition
from node.model.trust_entries import (
    COSIGNATURE_KINDS,
    SEAL_KINDS,
    day_start,
    holds,
    make_node,
    microseconds,
    require_party,
)
from node.model.trust_files import (
    AccreditationEntry,
    AgreementFile,
    CertificateEntry,
    FederationFile,
    FrameworkFile,
    IssuerEntry,
    IssuersFile,
    JournalKeyEntry,
    NodeFile,
    PolicyFile,
)

_SOON_US: Final = 30 * DAY_US
_NEVER: Final = 1 << 62


def lint_federation(file: FederationFile, path: str, notes: Notes, now: int) -> None:
    """Look at who is a member."""
    for country, count in Counter(member.country for member in file.members).items():
        if count > 1:
            notes.error(path, "members", f"{country} is a member {count} times; keep one entry.")
    for number, member in enumerate(file.members):
        where, country = f"members[{number}]", member.country
        since = day_start(member.since)
        if since > now:
            notes.note(path, f"{where}.since", f"{country} is a member only from {member.since}.")
        if (suspended := member.suspended_since) is None:
            continue
        notes.note(
            path, where, f"{country} is suspended from {moment_text(microseconds(suspended))}."
        )
        if microseconds(suspended) < since:
            notes.warning(
                path,
                f"{where}.suspended_since",
                f"{country} is suspended before it was a member; correct one of the dates.",
            )
        if not member.reason:
            notes.warning(
                path,
                f"{where}.reason",
                f"Nobody can read why {country} is suspended; 'symbolon trust suspend' takes a "
                "reason.",
            )


def lint_policy(file: PolicyFile, path: str, notes: Notes) -> None:
    """Look at which signatures a checkpoint needs."""
    if "ed25519" not in file.seals_required:
        notes.warning(
            path,
            "seals_required",
            "No Ed25519 signature is required, which every node can check; add ed25519.",
        )


def can_cosign(file: NodeFile, policy: PolicyFile, now: int) -> bool:
    """Tell whether a node lists a witness key of every kind required that counts now or will."""
    kinds = set()
    for entry in file.witness:
        if now < _span(entry.valid_from, entry.valid_until)[1]:
            with suppress(Refusal):
                kinds.add(VerifierKey.parse(entry.verifier).kind)
    return kinds >= {COSIGNATURE_KINDS[name] for name in policy.seals_required}


def lint_agreement(file: AgreementFile, path: str, notes: Notes, now: int) -> None:
    """Look at an agreement by itself."""
    _, country, name = path.split("/")
    try:
        require_party(file, country, name.removesuffix(".json"))
    except Refusal as refusal:
        notes.refused(path, "", refusal)
    until = file.in_force_until
    if until is not None and until < file.in_force_from:
        notes.error(
            path,
            "in_force_until",
            f"It ends on {until}, before it begins on {file.in_force_from}; "
            "correct one of the dates.",
        )
    elif until is not None:
        left = day_start(until) + DAY_US - now
        if left <= 0:
            notes.note(path, "in_force_until", f"It ended on {until}; nobody relies on it now.")
        elif left <= _SOON_US:
            notes.warning(
                path,
                "in_force_until",
                f"It ends on {until}; agree on what follows, or questions are refused from then "
                "on.",
            )
    if day_start(file.in_force_from) > now:
        notes.note(path, "in_force_from", f"It is in force only from {file.in_force_from}.")
    if not file.purposes:
        notes.warning(
            path,
            "purposes",
            "It covers no purpose, so no question can rely on it; name one or withdraw it.",
        )
    elif len(set(file.purposes)) < len(file.purposes):
        notes.note(path, "purposes", "A purpose is named twice; once is enough.")
    lint_recognition(file, path, notes, now)


# --- nodes ---------------------------------------------------------------------------------


def lint_node(
    file: NodeFile, path: str, notes: Notes, now: int, seals: Collection[str]
) -> dict[bytes, str]:
    """Look at a node; returns its public keys that can be read, and where each stands."""
    country = path.split("/")[1]
    keys: dict[bytes, str] = {}
    bare = replace(file, journal=replace(file.journal, keys=()), tls=())
    _try(notes, path, "", bare, country)
    spans: dict[str, list[tuple[int, int]]] = {kind: [] for kind in seals}
    for number, entry in enumerate(file.journal.keys):
        where = f"journal.keys[{number}]"
        _lint_span(entry, where, path, notes)
        if entry.valid_until is not None and not entry.retired_because:
            notes.note(
                path, where, "This key has an end and no reason; say why in retired_because."
            )
        alone = replace(bare, journal=replace(file.journal, keys=(entry,)))
        if not _try(notes, path, where, alone, country):
            continue
        verifier = VerifierKey.parse(entry.verifier)
        _once(keys, verifier.public_key, where, path, notes)
        kind = next(name for name, kind in SEAL_KINDS.items() if kind is verifier.kind)
        spans.setdefault(kind, []).append(_span(entry.valid_from, entry.valid_until))
    for kind, found in spans.items():
        _lint_cover(found, f"{kind} key", "journal.keys", path, notes, now=now)
    _lint_certificates(file, path, notes, now, keys)
    return keys


def _lint_certificates(
    file: NodeFile, path: str, notes: Notes, now: int, keys: dict[bytes, str]
) -> None:
    country = path.split("/")[1]
    bare = replace(file, journal=replace(file.journal, keys=()), tls=())
    spans: list[tuple[int, int]] = []
    for number, entry in enumerate(file.tls):
        where = f"tls[{number}]"
        _lint_span(entry, where, path, notes)
        try:
            (certificate,) = make_node(replace(bare, tls=(entry,)), country, 0).certificates
        except Refusal as refusal:
            if not _same_as_bare(bare, country, refusal):
                notes.refused(path, where, refusal)
            continue
        _once(keys, certificate.spki_digest, where, path, notes)
        since, until = _span(entry.valid_from, entry.valid_until)
        if entry.valid_until is not None and certificate.not_after < until:
            notes.warning(
                path,
                f"{where}.valid_until",
                f"The certificate itself ends on {day_text(certificate.not_after)}, before it is "
                f"listed out on {day_text(until)}; list the next one in time.",
            )
        spans.append((since, min(until, certificate.not_after)))
    _lint_cover(spans, "TLS certificate", "tls", path, notes, now=now)


def _try(notes: Notes, path: str, where: str, file: NodeFile, country: str) -> bool:
    """Make a node of a part of its file, and note why that fails."""
    try:
        make_node(file, country, 0)
    except Refusal as refusal:
        bare = replace(file, journal=replace(file.journal, keys=()), tls=())
        if not where or not _same_as_bare(bare, country, refusal):
            notes.refused(path, where, refusal)
        return False
    return True


def _same_as_bare(bare: NodeFile, country: str, refusal: Refusal) -> bool:
    """Tell whether a node is refused for what has nothing to do with its keys."""
    try:
        make_node(bare, country, 0)
    except Refusal as other:
        return other.reason == refusal.reason
    return False


def _once(keys: dict[bytes, str], key: bytes, where: str, path: str, notes: Notes) -> None:
    if key in keys:
        notes.error(path, where, f"It is the same key as {keys[key]}; list a key once.")
    keys.setdefault(key, where)


def _lint_span(
    entry: JournalKeyEntry | CertificateEntry, where: str, path: str, notes: Notes
) -> None:
    if entry.valid_until is not None and entry.valid_until <= entry.valid_from:
        notes.error(
            path,
            f"{where}.valid_until",
            f"It ends on {moment_text(microseconds(entry.valid_until))}, not after it begins on "
            f"{moment_text(microseconds(entry.valid_from))}; correct one of the times.",
        )


def _lint_cover(  # noqa: PLR0913 - what, and where it stands
    spans: Sequence[tuple[int, int]], what: str, field: str, path: str, notes: Notes, *, now: int
) -> None:
    """Look whether there is one at every time from now on, and not two for ever."""
    if not any(holds(since, until, now) for since, until in spans):
        later = min((since for since, until in spans if since > now), default=None)
        when = "" if later is None else f" before {day_text(later)}"
        notes.error(path, field, f"No {what} counts now{when}; nobody believes this node.")
        return
    end = max(until for since, until in spans if holds(since, until, now))
    for since, until in sorted(spans):
        if now < since <= end:
            end = max(end, until)
        elif since > end:
            notes.warning(
                path,
                field,
                f"From {day_text(end)} to {day_text(since)} no {what} counts; let them overlap.",
            )
            end = max(end, until)
    if now < end <= now + _SOON_US:
        notes.warning(
            path, field, f"The last {what} ends on {day_text(end)}; list the next one before that."
        )
    endless = [span for span in spans if span[1] == _NEVER]
    if len(endless) > 1:
        notes.warning(
            path,
            field,
            f"{len(endless)} of {what} have no end; give the older ones a valid_until.",
        )


# --- issuers -------------------------------------------------------------------------------


def lint_issuers(
    file: IssuersFile, path: str, notes: Notes, now: int, levels: Collection[int]
) -> None:
    """Look at issuers; `levels` are the EQF levels of the country's framework, if it has one."""
    country = path.split("/")[1]
    for name, count in Counter(issuer.id for issuer in file.issuers).items():
        if count > 1:
            notes.error(path, "issuers", f"Issuer {name} stands {count} times; keep one entry.")
    for number, issuer in enumerate(file.issuers):
        where = f"issuers[{number}]"
        try:
            make_issuers(IssuersFile((issuer,)), country, 0)
        except Refusal as refusal:
            notes.refused(path, where, refusal)
        _lint_standing(issuer, where, path, notes)
        for place, entry in enumerate(issuer.accredited):
            _lint_accreditation(entry, f"{where}.accredited[{place}]", path, notes, levels)
        _lint_overlaps(issuer, where, path, notes)
        ends = [_day_span(entry)[1] for entry in issuer.accredited]
        if not issuer.withdrawn_since and max(ends, default=0) <= now:
            notes.note(
                path,
                f"{where}.accredited",
                f"Issuer {issuer.id} has no accreditation that counts now.",
            )


def _lint_standing(issuer: IssuerEntry, where: str, path: str, notes: Notes) -> None:
    since = issuer.withdrawn_since or issuer.suspended_since
    if since is not None and not issuer.reason:
        gone = "withdrawn" if issuer.withdrawn_since else "suspended"
        notes.warning(
            path, f"{where}.reason", f"Issuer {issuer.id} is {gone} from {since} without a reason."
        )


def _lint_accreditation(
    entry: AccreditationEntry, where: str, path: str, notes: Notes, levels: Collection[int]
) -> None:
    if entry.until is not None and entry.until < entry.since:
        notes.error(
            path,
            f"{where}.until",
            f"It ends on {entry.until}, before it begins on {entry.since}; correct one of them.",
        )
    if unknown := [code for code in entry.isco08 if code not in ISCO08]:
        notes.error(
            path,
            f"{where}.isco08",
            f"ISCO-08 has no {', '.join(unknown[:5])}; write codes of that classification.",
        )
    strange = sorted(set(entry.levels_eqf) - set(levels)) if levels else []
    if strange:
        notes.note(
            path,
            f"{where}.levels_eqf",
            f"No level of the country's framework is EQF {', '.join(map(str, strange))}; "
            "look whether framework.json lacks it, or this is too much.",
        )


def _lint_overlaps(issuer: IssuerEntry, where: str, path: str, notes: Notes) -> None:
    whole = [_Covered(entry.isco08) for entry in issuer.accredited]
    for (one, first), (other, second) in combinations(enumerate(issuer.accredited), 2):
        spans = _day_span(first), _day_span(second)
        if not (spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1]):
            continue
        if not set(first.levels_eqf) & set(second.levels_eqf):
            continue
        if not set(first.award_types) & set(second.award_types):
            continue
        shared = [code for code in first.isco08 if code in whole[other]]
        shared += [code for code in second.isco08 if code in whole[one]]
        if shared:
            notes.warning(
                path,
                f"{where}.accredited[{other}]",
                f"Issuer {issuer.id} is accredited twice for {min(shared, key=len)} at the same "
                f"time, here and in accredited[{one}]; end the older one or join them.",
            )


class _Covered:
    """Codes, as what they cover: a code is in it that begins with one of them."""

    def __init__(self, codes: Iterable[str]) -> None:
        self._codes = frozenset(codes)

    def __contains__(self, code: str) -> bool:
        return any(code[:length] in self._codes for length in range(1, len(code) + 1))


def lint_framework(file: FrameworkFile, path: str, notes: Notes) -> None:
    """Look at a country's levels."""
    try:
        make_framework(file)
    except Refusal as refusal:
        notes.refused(path, "levels", refusal)
    if not file.provenance:
        notes.note(path, "provenance", "Nobody can read where these levels are from.")


# --- times ---------------------------------------------------------------------------------


def _span(since: datetime, until: datetime | None) -> tuple[int, int]:
    return microseconds(since), _NEVER if until is None else microseconds(until)


def _day_span(entry: AccreditationEntry) -> tuple[int, int]:
    return day_span(entry.since, entry.until)


def day_span(since: date, until: date | None) -> tuple[int, int]:
    """Return when the first day begins and the last one ends; no end is far away."""
    return day_start(since), _NEVER if until is None else day_start(until) + DAY_US
