"""Which key a statement is sealed with: the holder's whom it is about, as far as that is known.

A credential keeps the key that its holder had when it was registered, whatever is amended later:
so a key can go with the last credential that has it, and nothing that stands needs it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from sqlalchemy import Connection, bindparam, select, text, update

from node.flows.ports import Draft
from node.model.holder import holder_of
from node.model.holder_bodies import ContestRaised, WatchGiven
from node.model.statement import (
    BODY_NUMBERS,
    AuditAccess,
    Body,
    ConsentEnded,
    ConsentGiven,
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    Erasure,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
    RegistryEvent,
    RevocationProposed,
    StatusChanged,
    TrustAdopted,
    WatchEnded,
)
from node.store import schema
from node.store.database import rows_in
from node.store.vault import ROOT, Vault, vault_of

IMPERSONAL: Final = frozenset(
    BODY_NUMBERS[body]
    for body in (
        TrustAdopted,
        AuditAccess,
        Erasure,
        ErasureRequest,
        ErasureAcknowledged,
        ErasureConcluded,
    )
)
"""Kinds of statements that hold nothing of a holder: they are kept as they are."""
_DAYS_AT_ONCE: Final = 64
_NAMED: Final = frozenset(
    {
        *get_args(RegistryEvent),
        ConsentGiven,
        ConsentEnded,
        WatchGiven,
        WatchEnded,
        ContestRaised,
    }
)


def keys_of(
    connection: Connection, drafts: Sequence[Draft], known: Mapping[int, int], now: int
) -> list[int | None]:
    """Return for each draft the id of the key to seal it with; None for what is not sealed.

    Makes the keys that there are none of yet.

    Args:
        connection: of the write transaction.
        drafts: in journal order.
        known: of some, by their place among the drafts.
        now: microseconds UTC.
    """
    vault = vault_of(connection)
    found: dict[str | bytes | None, int] = {}
    named = [draft for draft in drafts if type(draft.body) in _NAMED]
    if named:
        found = _of_named(connection, named, _of_registered(connection, vault, named))
    keys: list[int | None] = []
    others: dict[int, list[int]] = {}
    for place, draft in enumerate(drafts):
        key = known.get(place)
        if key is None and found:
            key = found.get(_about(draft.body))
        keys.append(key)
        if key is None:
            others.setdefault(BODY_NUMBERS[type(draft.body)], []).append(place)
    for kind in IMPERSONAL & others.keys():
        del others[kind]
    if others:
        of_day = vault.keys_of_day(connection, others, now)
        for kind, places in others.items():
            for place in places:
                keys[place] = of_day[kind]
    return keys


def _about(body: Body) -> str | bytes | None:
    """Return by what it can be found whom a body is about: a credential, a share code, a watch."""
    match body:
        case CredentialRegistered(credential=credential) | CredentialAmended(credential=credential):
            return credential.number
        case ConsentGiven(credential=number) | WatchGiven(credential=number):
            return number
        case ContestRaised(credential=number):
            return number
        case ConsentEnded(code_digest=digest):
            return digest
        case WatchEnded(watch=watch):
            return watch
        case (
            StatusChanged(number=number)
            | CredentialRenewed(number=number)
            | CredentialSuperseded(number=number)
            | RevocationProposed(number=number)
        ):
            return number
    return None


def _of_registered(
    connection: Connection, vault: Vault, drafts: Iterable[Draft]
) -> dict[str | bytes | None, int]:
    """Return the keys of the credentials that are registered here, by number."""
    holders: dict[str, bytes] = {}  # by what they are looked up
    for draft in drafts:
        if isinstance(draft.body, CredentialRegistered):
            credential = draft.body.credential
            whose = holder_of(credential.holder_name, credential.birth_date)
            holders[credential.number] = vault.look_up(whose)
    if not holders:
        return {}
    credentials = Counter(holders.values())
    keys: dict[bytes, int] = {
        bytes(holder): key
        for holder, key in rows_in(connection, _OF_HOLDER, schema.credential.c.holder, credentials)
    }
    for holder in credentials.keys() & keys.keys():
        more = {"one": keys[holder], "more": credentials[holder]}
        connection.execute(_COUNT, more)
    missing = [holder for holder in credentials if holder not in keys]
    made = vault.new_keys(connection, [(credentials[holder], None) for holder in missing])
    keys.update(zip(missing, made, strict=True))
    return {number: keys[holder] for number, holder in holders.items()}


def _of_named(
    connection: Connection,
    drafts: Iterable[Draft],
    registered: dict[str | bytes | None, int],
) -> dict[str | bytes | None, int]:
    """Return the keys of what drafts are about: those registered here, and those long known."""
    found: dict[str | bytes | None, int] = dict(registered)
    numbers: set[str] = set()
    tokens: dict[bytes, str | None] = {}  # share codes and watches, to their credentials
    for draft in drafts:
        about = _about(draft.body)
        if isinstance(about, bytes):
            tokens.setdefault(about, None)
        elif about is not None:
            numbers.add(about)
        if isinstance(draft.body, ConsentGiven):
            tokens[draft.body.code_digest] = draft.body.credential
        elif isinstance(draft.body, WatchGiven):
            tokens[draft.body.watch] = draft.body.credential
    old = [token for token, number in tokens.items() if number is None]
    if old:
        for query, column in _OF_TOKENS:
            tokens |= {bytes(row[0]): row[1] for row in rows_in(connection, query, column, old)}
    numbers |= {number for number in tokens.values() if number is not None}
    unknown = [number for number in numbers if number not in found]
    if unknown:
        rows = rows_in(connection, _OF_NUMBER, schema.credential.c.number, unknown)
        found |= {row[0]: row[1] for row in rows}
    found |= {token: found[number] for token, number in tokens.items() if number in found}
    return found


def release(connection: Connection, keys: Iterable[int]) -> None:
    """Take credentials that went from their keys, which go themselves once nothing needs them.

    Args:
        connection: of the write transaction.
        keys: of the credentials, one for each.
    """
    for key, count in Counter(keys).items():
        connection.execute(_COUNT, {"one": key, "more": -count})


def unneeded_keys(connection: Connection, kinds: Collection[int] = (), day: int = 0) -> list[int]:
    """Return keys that nothing that stands is sealed with, and nothing new will be.

    Args:
        connection: to read with.
        kinds: of statements whose keys of single days are looked at too, the oldest first.
        day: since the epoch; only keys of earlier days.
    """
    keys = list(connection.execute(_UNNEEDED).scalars())
    if kinds:
        keys += _of_days(connection, kinds, day)
    if not keys:
        return []
    needed = set(connection.execute(_STILL_SEALED, {"keys": keys}).scalars())
    return [key for key in keys if key not in needed]


def _of_days(connection: Connection, kinds: Collection[int], before: int) -> list[int]:
    found = []
    for key, made_for in connection.execute(_OF_DAYS).all():
        day, _, kind = made_for.partition("/")
        if int(kind) in kinds and int(day) < before:
            found.append(key)
    return found[:_DAYS_AT_ONCE]


_number: Final = schema.credential.c.number
_OF_HOLDER: Final = select(schema.credential.c.holder, schema.credential.c.key)
_OF_NUMBER: Final = select(_number, schema.credential.c.key)
_OF_TOKENS: Final[tuple[Any, ...]] = (
    (
        select(schema.consent.c.code_digest, schema.consent.c.credential),
        schema.consent.c.code_digest,
    ),
    (select(schema.watch.c.watch, schema.watch.c.credential), schema.watch.c.watch),
)
_COUNT: Final = (
    update(schema.holder_key)
    .where(schema.holder_key.c.id == bindparam("one"))
    .values(credentials=schema.holder_key.c.credentials + bindparam("more"))
)
_UNNEEDED: Final = select(schema.holder_key.c.id).where(
    text("credentials = 0 AND made_for IS NULL AND wrapped IS NOT NULL"),
    schema.holder_key.c.id > ROOT,
)
_OF_DAYS: Final = (
    select(schema.holder_key.c.id, schema.holder_key.c.made_for)
    .where(schema.holder_key.c.made_for.is_not(None), schema.holder_key.c.wrapped.is_not(None))
    .order_by(schema.holder_key.c.id)
)
_STILL_SEALED: Final = (
    select(schema.entry.c.key)
    .where(
        schema.entry.c.key.in_(bindparam("keys", expanding=True)),
        schema.entry.c.statement.is_not(None),
    )
    .distinct()
)
