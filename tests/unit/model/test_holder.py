from datetime import date, timedelta

import pytest

from node.errors import Code, Refusal
from node.model.holder import Watch, holder_of, require_holder
from node.model.holder_bodies import Watcher, WatchGiven
from node.model.registry import RegistryState
from node.model.statement import ConsentEnd, WatchEnded
from tests.world import DAY_US, START, sample_credential

BORN = date(1991, 3, 14)
GIVEN = WatchGiven(bytes(16), "XA-1", Watcher("XB", "Werft Nord", "HRB-1"), START + DAY_US)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Éloïse Marchand", "E\u0301loi\u0308se Marchand"),
        ("Éloïse Marchand", "  ÉLOÏSE   MARCHAND\u00a0"),
        ("Groß", "GROSS"),
        ("ＡＢＣ", "abc"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
    ],
)
def test_capitals_blanks_and_encodings_make_no_other_holder(one: str, other: str) -> None:
    assert holder_of(one, BORN) == holder_of(other, BORN)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Éloïse Marchand", "Eloise Marchand"),
        ("Anna Berg", "Berg Anna"),
        ("Anna Berg", "Annaberg"),
        ("Олена", "Oлена"),
    ],
)
def test_another_name_is_another_holder(one: str, other: str) -> None:
    assert holder_of(one, BORN) != holder_of(other, BORN)


def test_one_name_with_two_birth_dates_is_two_holders() -> None:
    assert holder_of("Anna Berg", BORN) != holder_of("Anna Berg", BORN + timedelta(days=1))


def test_a_wrong_birth_date_and_no_credential_are_refused_alike() -> None:
    refusals = []
    wrong = BORN + timedelta(days=1)
    for credential, born in ((sample_credential(), wrong), (None, BORN)):
        with pytest.raises(Refusal) as refused:
            require_holder(credential, born)
        refusals.append((refused.value.code, refused.value.reason))
    assert refusals[0] == refusals[1]
    assert refusals[0][0] is Code.UNKNOWN


def test_a_watch_is_open_to_its_requester_until_it_ends() -> None:
    watch = Watch(GIVEN, ended=False)
    watch.require_open("XB", "HRB-1", START + DAY_US - 1)
    for closed, node, register_id, now in (
        (watch, "XB", "HRB-1", START + DAY_US),
        (watch, "XC", "HRB-1", START),
        (watch, "XB", "HRB-2", START),
        (Watch(GIVEN, ended=True), "XB", "HRB-1", START),
    ):
        with pytest.raises(Refusal) as refused:
            closed.require_open(node, register_id, now)
        assert refused.value.code is Code.UNTRUSTED


def test_the_registry_follows_watches_as_their_journal_tells() -> None:
    registry = RegistryState()
    end = WatchEnded(GIVEN.watch, ConsentEnd.REVOKED)
    registry.apply(0, end)
    assert registry.watches == {}
    registry.apply(1, GIVEN)
    assert registry.watches == {GIVEN.watch: Watch(GIVEN, ended=False)}
    registry.apply(2, end)
    assert registry.watches == {GIVEN.watch: Watch(GIVEN, ended=True)}
