"""Holders: who is the same one, and what they let others follow."""

import unicodedata
from datetime import date
from typing import Final, NamedTuple

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.credential import Credential
from node.model.holder_bodies import WatchGiven

UNKNOWN_HOLDER: Final = "number: the registry holds no such credential of a holder born on that day"


class Holder(NamedTuple):
    """Whose a credential is: equal for the same holder, as far as a registry can tell.

    The same: born on the same day, and of the same name but for capitals, the width of characters,
    how accents are encoded, and blanks.
    """

    name: str
    birth_date: date


def holder_of(holder_name: str, birth_date: date) -> Holder:
    """Return whose a credential is."""
    # Folding can undo a normal form, so it is normalised again (Unicode 5.18, caseless matching).
    folded = unicodedata.normalize("NFKC", holder_name).casefold()
    return Holder(" ".join(unicodedata.normalize("NFKC", folded).split()), birth_date)


def require_holder(credential: Credential | None, birth_date: date) -> Credential:
    """Return a credential whose holder was born on a day.

    Raises:
        Refusal: UNKNOWN, one and the same where there is no such credential.
    """
    if credential is None or credential.birth_date != birth_date:
        raise Refusal(Code.UNKNOWN, UNKNOWN_HOLDER)
    return credential


class Watch(Struct, frozen=True, gc=False):
    """A standing consent as the registry knows it: what was given, and whether it ended."""

    given: WatchGiven
    ended: bool

    def require_open(self, node: str, register_id: str, now: int) -> None:
        """Refuse whoever may not follow the credential, or not any more.

        Args:
            node: node id of the requester's home node.
            register_id: the requester's, there.
            now: microseconds UTC.

        Raises:
            Refusal: UNTRUSTED, one and the same for all reasons.
        """
        watcher = self.given.watcher
        if (
            self.ended
            or now >= self.given.expires_at
            or (watcher.node, watcher.register_id) != (node, register_id)
        ):
            raise Refusal(Code.UNTRUSTED, "watch: there is no such consent, or it has ended")
