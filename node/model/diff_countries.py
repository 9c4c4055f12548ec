"""What a country has changed in its own files, a sentence each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from node.model.codes import LEVELS_MAX
from node.model.moments import moment_text
from node.model.recognition.changes import recognition_changes
from node.model.trust_entries import microseconds
from node.model.trust_files import (
    AccreditationEntry,
    AgreementFile,
    CertificateEntry,
    FrameworkFile,
    IssuerEntry,
    IssuersFile,
    JournalKeyEntry,
    LevelEntry,
    NodeFile,
)

_ENDLESS: Final = "without an end"


def listed(words: Iterable[object]) -> str:
    """Return words as a sentence lists them: A, B and C."""
    names = list(map(str, words))
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def moment_of(moment: datetime) -> str:
    """Return a time of a file as people read it."""
    return moment_text(microseconds(moment))


# --- nodes ---------------------------------------------------------------------------------


def node_changes(old: NodeFile | None, new: NodeFile | None, who: str) -> Iterator[str]:
    """Say how a node has changed; None: there is none."""
    if new is None:
        yield f"{who} has no node any more."
    elif old is None:
        yield f"{who} has a node now, at {new.endpoint}."
    else:
        if new.authority != old.authority:
            yield f"The authority of {new.node} is now {new.authority}, before: {old.authority}."
        if new.endpoint != old.endpoint:
            yield f"{who} is now reached at {new.endpoint}, before: {old.endpoint}."
        if new.journal.origin != old.journal.origin:
            yield (
                f"{who} has another journal: {new.journal.origin}, before: {old.journal.origin}."
            )
        yield from _key_changes(old.journal.keys, new.journal.keys, who, "journal key")
        yield from _key_changes(old.witness, new.witness, who, "witness key")
        yield from _certificate_changes(old.tls, new.tls, who)
        if new.contacts != old.contacts:
            yield f"{who} has changed its contacts."


def _key_changes(
    old: Sequence[JournalKeyEntry], new: Sequence[JournalKeyEntry], who: str, what: str
) -> Iterator[str]:
    before = {entry.verifier: entry for entry in old}
    after = {entry.verifier: entry for entry in new}
    for verifier, entry in after.items():
        name, was = _key_name(verifier), before.get(verifier)
        if was is None:
            span = f"{moment_of(entry.valid_from)}{_until(entry.valid_until)}"
            yield f"{who} has a new {what} {name}, from {span}."
            continue
        if entry.valid_until != was.valid_until or entry.retired_because != was.retired_because:
            if entry.valid_until is None:
                yield f"The {what} {name} of {who} counts again {_ENDLESS}."
            else:
                why = f", because: {entry.retired_because}" if entry.retired_because else ""
                yield (
                    f"{who} has retired its {what} {name}; it counts until "
                    f"{moment_of(entry.valid_until)}{why}."
                )
        if entry.valid_from != was.valid_from:
            yield f"The {what} {name} of {who} now counts from {moment_of(entry.valid_from)}."
    for verifier in before.keys() - after.keys():
        yield (
            f"{who} lists its {what} {_key_name(verifier)} no more; what it signed can no "
            "longer be checked under this list."
        )


def _certificate_changes(
    old: Sequence[CertificateEntry], new: Sequence[CertificateEntry], who: str
) -> Iterator[str]:
    before = {entry.certificate: entry for entry in old}
    after = {entry.certificate: entry for entry in new}
    fresh = [entry for certificate, entry in after.items() if certificate not in before]
    kept = [entry for certificate, entry in after.items() if certificate in before]
    gone = [entry for certificate, entry in before.items() if certificate not in after]
    if fresh:
        since = moment_of(min(entry.valid_from for entry in fresh))
        ends = [entry.valid_until for entry in kept]
        if not kept:
            rest = "the old one counts no more"
        elif None in ends:
            rest = "the old one still counts"
        else:
            rest = f"the old one counts until {moment_of(max(end for end in ends if end))}"
        yield f"{who} has changed its TLS certificate from {since} on; {rest}."
    elif gone:
        yield f"{who} has taken {len(gone)} of its TLS certificates off the list."
    for entry in () if fresh else kept:
        was = before[entry.certificate]
        if (entry.valid_from, entry.valid_until) != (was.valid_from, was.valid_until):
            yield (
                f"A TLS certificate of {who} now counts from {moment_of(entry.valid_from)}"
                f"{_until(entry.valid_until)}."
            )


def _key_name(verifier: str) -> str:
    """Return what people tell a verifier key by: its hash."""
    _, _, rest = verifier.partition("+")
    return rest.partition("+")[0] or verifier[:20]


def _until(until: datetime | None) -> str:
    return "" if until is None else f" until {moment_of(until)}"


# --- issuers and levels --------------------------------------------------------------------


def issuer_changes(old: IssuersFile | None, new: IssuersFile | None, who: str) -> Iterator[str]:
    """Say who may award more, less or nothing any more."""
    before = {issuer.id: issuer for issuer in (old.issuers if old else ())}
    after = {issuer.id: issuer for issuer in (new.issuers if new else ())}
    for name, issuer in after.items():
        was = before.get(name)
        if was is None:
            awards = "; ".join(map(_awards, issuer.accredited)) or "for nothing yet"
            yield f"{who} lists a new issuer, {issuer.name} ({name}), accredited {awards}."
        elif was != issuer:
            yield from _one_issuer(was, issuer, who)
    for name in before.keys() - after.keys():
        yield f"{who} lists the issuer {before[name].name} ({name}) no more."


def _one_issuer(old: IssuerEntry, new: IssuerEntry, who: str) -> Iterator[str]:
    subject = f"the issuer {new.name} ({new.id})"
    why = f", because: {new.reason}" if new.reason else ""
    if new.name != old.name:
        yield f"{who}: the issuer {new.id} is now called {new.name}, before: {old.name}."
    if new.withdrawn_since != old.withdrawn_since:
        yield (
            f"{who} has withdrawn {subject} from {new.withdrawn_since}{why}."
            if new.withdrawn_since
            else f"{who} has taken {subject} back; it is withdrawn no more."
        )
    if new.suspended_since != old.suspended_since:
        yield (
            f"{who} has suspended {subject} from {new.suspended_since}{why}."
            if new.suspended_since
            else f"{who} has ended the suspension of {subject}."
        )
    for entry in new.accredited:
        if entry not in old.accredited:
            yield f"{who} now accredits {subject} {_awards(entry)}."
    for entry in old.accredited:
        if entry not in new.accredited:
            yield f"{who} no longer accredits {subject} {_awards(entry)}."


def _awards(entry: AccreditationEntry) -> str:
    until = "" if entry.until is None else f" until {entry.until}"
    return (
        f"for {listed(word.replace('_', ' ') for word in entry.award_types)} in occupations "
        f"{listed(entry.isco08[:6])}{' and more' if len(entry.isco08) > 6 else ''} (ISCO-08), "  # noqa: PLR2004 - as many as one reads
        f"{listed(_levels(entry))}, from {entry.since}{until}"
    )


def _levels(entry: AccreditationEntry) -> Iterator[str]:
    if entry.levels_eqf:
        yield f"EQF level {listed(sorted(entry.levels_eqf))}"
    if entry.levels_national:
        yield f"national level {listed(entry.levels_national)}"


def _references(level: LevelEntry) -> str:
    named = {name: getattr(level, name) for name in LEVELS_MAX}
    return listed(f"{name.upper()} level {on}" for name, on in named.items() if on is not None)


def framework_changes(
    old: FrameworkFile | None, new: FrameworkFile | None, who: str
) -> Iterator[str]:
    """Say which national levels mean something else."""
    if new is None or old is None:
        what = "no framework of levels any more" if new is None else "a framework of levels now"
        yield f"{who} has {what}."
        return
    before = {level.national: _references(level) for level in old.levels}
    after = {level.national: _references(level) for level in new.levels}
    for national, means in after.items():
        if national not in before:
            yield f"{who} has a new level, {national}, which is {means}."
        elif before[national] != means:
            yield f"{who}: {national} is now {means}, before: {before[national]}."
    yield from (f"{who} has no level {name} any more." for name in before if name not in after)
    if (new.name, new.provenance) != (old.name, old.provenance):
        yield f"{who} describes its framework otherwise: {new.name}, {new.provenance}."


# --- agreements ----------------------------------------------------------------------------


def agreement_changes(
    name: str, old: Mapping[str, AgreementFile], new: Mapping[str, AgreementFile]
) -> Iterator[str]:
    """Say how an agreement has changed, as each of its parties lists it (by country)."""
    subject = f"The agreement {name}"
    if not new:
        yield f"{subject} has been withdrawn by {listed(sorted(old))}."
        return
    parties = {party for file in new.values() for party in file.parties}
    lacking = sorted(parties - new.keys())
    unlike = len(set(new.values())) > 1
    only = f"; {listed(lacking)} does not list it yet, so it is not in force" if lacking else ""
    if not old:
        texts = dict.fromkeys(new.values())
        for file in texts:
            yield f"{subject} is new: {_terms(file)}{only}."
        return
    came, left = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    if came:
        yield f"{listed(came)} now lists the agreement {name} too{only}."
    if left:
        yield f"{listed(left)} has withdrawn the agreement {name}, so it is not in force."
    told: dict[str, None] = {}
    for country in sorted(new.keys() & old.keys()):
        for change in _agreement(old[country], new[country]):
            told[
                f"As {country} lists it, the agreement {name} {change}."
                if unlike
                else f"{subject} {change}."
            ] = None
    yield from told


def _terms(file: AgreementFile) -> str:
    until = "" if file.in_force_until is None else f" until {file.in_force_until}"
    purposes = listed(file.purposes) if file.purposes else "no purpose"
    return f"between {listed(file.parties)}, for {purposes}, from {file.in_force_from}{until}"


def _agreement(old: AgreementFile, new: AgreementFile) -> Iterator[str]:
    if added := [purpose for purpose in new.purposes if purpose not in old.purposes]:
        yield f"now also covers {listed(added)}"
    if ended := [purpose for purpose in old.purposes if purpose not in new.purposes]:
        yield f"no longer covers {listed(ended)}"
    if set(new.parties) != set(old.parties):
        yield f"is now between {listed(new.parties)}, before: {listed(old.parties)}"
    if new.in_force_from != old.in_force_from:
        yield f"is in force from {new.in_force_from}, before: {old.in_force_from}"
    if new.in_force_until != old.in_force_until:
        end = f"ends on {new.in_force_until}" if new.in_force_until else "has no end any more"
        yield f"{end}, before: {old.in_force_until or 'no end'}"
    yield from recognition_changes(old, new)
    rest = ("version", "title", "instrument", "note")
    if other := [one for one in rest if getattr(new, one) != getattr(old, one)]:
        said = listed(f"{one} {getattr(new, one)!r}" for one in other)
        yield f"now says {said}"


def differing(one: Struct, other: Struct) -> list[str]:
    """Return the names of the fields that differ between two files of a kind."""
    fields: list[tuple[str, Any]] = list(msgspec.structs.asdict(one).items())
    return [name for name, value in fields if getattr(other, name) != value]
