"""Roles at a node: who may do what to its registry, and what takes two people."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.bounds import text
from node.model.statement import Person

PERSON_LENGTH_MAX: Final = 100


class Role(StrEnum):
    """What a person is at a node."""

    REGISTRAR = "registrar"
    OFFICER = "officer"
    AUDITOR = "auditor"
    OPERATOR = "operator"


class Roles(Struct, frozen=True):
    """Who has which role.

    Attributes:
        two_people_revoke: whether a revocation takes effect only once a second person confirms it.
        members: users of the operating system by role; a role that nobody is named for is
            everybody's.
    """

    two_people_revoke: bool = False
    members: dict[Role, frozenset[str]] = {}

    def require(self, person: Person | None, role: Role) -> None:
        """Refuse who does not have a role, or whose name or role cannot be stated.

        Raises:
            Refusal: UNTRUSTED, MALFORMED.
        """
        if person is not None:
            text(person.name, "user", PERSON_LENGTH_MAX)
            text(person.role, "--as", PERSON_LENGTH_MAX, empty=True)
        members = self.members.get(role)
        if members and (person is None or person.name not in members):
            raise Refusal(
                Code.UNTRUSTED,
                f"this takes a person in the role {role.value}; the settings name others for it",
            )


ANYBODY: Final = Roles()
"""Everybody has every role, and one person is enough."""
