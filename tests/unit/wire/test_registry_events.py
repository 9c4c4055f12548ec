"""Registry events in their one encoding: what a decoder has to refuse."""

from collections.abc import Callable

import pytest

from node.errors import Code, Refusal
from node.model.credential import Status
from node.model.statement import (
    CredentialAmended,
    CredentialRegistered,
    Person,
    RegistryEvent,
    RevocationGround,
    Statement,
    StatusChanged,
    TrustReference,
)
from node.wire._pb import node_pb2 as pb
from node.wire.codec import decode_statement, encode_statement
from tests.world import START, sample_credential, sample_details

_TRUST = TrustReference(1, bytes(32))
_REVOKED = StatusChanged(
    "XA-1", Status.REVOKED, "x", 0, Person("clerk", "officer"), RevocationGround.FRAUD
)


def _encoded(body: RegistryEvent) -> bytes:
    return encode_statement(Statement("XA", START, _TRUST, body))


def _reason(body: RegistryEvent, change: Callable[[pb.RegistryEvent], object]) -> str:
    """Change a statement and return why it is refused."""
    message = pb.Statement.FromString(_encoded(body))
    change(message.registry_event)
    with pytest.raises(Refusal) as refusal:
        decode_statement(message.SerializeToString(deterministic=True))
    assert refusal.value.code is Code.MALFORMED
    return refusal.value.reason


def test_reads_back_a_credential_with_every_detail() -> None:
    body = CredentialRegistered(sample_credential(details=sample_details()))
    assert decode_statement(_encoded(body)).body == body


def test_details_that_say_nothing_must_be_left_out() -> None:
    body = CredentialRegistered(sample_credential())
    reason = _reason(body, lambda event: event.registered.details.SetInParent())
    assert reason == "credential.details: say nothing, and so must be left out"


def test_a_registration_says_nothing_of_when_it_takes_effect() -> None:
    body = CredentialRegistered(sample_credential())
    reason = _reason(body, lambda event: setattr(event, "effective_from_us", 1))
    assert reason.startswith("effective_from_us: ")


def test_only_a_revocation_has_a_ground_of_the_list() -> None:
    def suspend(event: pb.RegistryEvent) -> None:
        event.status_changed.status = pb.STATUS_SUSPENDED

    assert _reason(_REVOKED, suspend).startswith("status_changed.cause: ")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda event: setattr(event.status_changed, "cause", 99), "status_changed.cause"),
        (lambda event: setattr(event.by, "name", ""), "by.name"),
        (lambda event: setattr(event.by, "role", "x" * 101), "by.role"),
        (lambda event: setattr(event.status_changed, "ground", ""), "status_changed.ground"),
        (lambda event: setattr(event, "effective_from_us", 2**62), "effective_from_us"),
        (lambda event: event.ClearField("status_changed"), "registry_event.kind"),
        (lambda event: setattr(event.renewed, "number", "XA-1"), "renewed.expires_on"),
        (lambda event: setattr(event.superseded, "number", "XA-1"), "superseded.successor"),
        (
            lambda event: setattr(event.revocation_proposed, "number", "XA-1"),
            "revocation_proposed.cause",
        ),
    ],
)
def test_names_the_field_that_is_wrong(
    change: Callable[[pb.RegistryEvent], object], field: str
) -> None:
    assert _reason(_REVOKED, change).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda one: setattr(one, "valid_from", "2019"), "credential.valid_from"),
        (
            lambda one: setattr(one.details.accreditation, "since", ""),
            "credential.details.accreditation.since",
        ),
        (
            lambda one: one.details.ClearField("credits") or one.details.credits.SetInParent(),
            "credits.points",
        ),
        (lambda one: one.details.assessments.add(), "credential.details.assessments.method"),
        (lambda one: one.details.titles.add(language="x"), "titles.language"),
        (lambda one: setattr(one.details, "level_cvq", 6), "level_cvq"),
        (lambda one: one.details.parts.append("one"), "parts"),
    ],
)
def test_names_the_detail_that_is_wrong(
    change: Callable[[pb.Credential], object], field: str
) -> None:
    body = CredentialAmended(sample_credential(details=sample_details()), "x")
    reason = _reason(body, lambda event: change(event.amended.credential))
    assert reason.startswith(f"{field}: ")
