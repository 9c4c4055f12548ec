"""Adopting trust lists: forward only, journalled before it is in force, restored at a start."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from securesystemslib.signer import Signer

from node.errors import Code, Refusal
from node.flows.adopt_trust import adopt_or_restore, adopt_trust
from node.model.statement import TrustAdopted
from node.model.trust import TrustBundle, complete, resolve
from node.wire.codec import decode_statement
from tests.federation import (
    DAY_US,
    SECOND_US,
    START,
    FixedTrust,
    SampleTrust,
    compose,
    make_root,
    role_signer,
    sample_trust,
    trust_files,
)
from tests.world import FakeClock, MemoryLedger

ROOT = make_root()


class Home:
    """A node's ledger, its trust lists and its clock; nothing is in force yet."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger("XA", FakeClock())
        self.trust = FixedTrust()
        self.trust.forget()
        self.clock = FakeClock()

    async def adopt(self, newest: SampleTrust | None = None) -> bool:
        """Adopt the newest list, or this one."""
        self.trust.newest = newest or self.trust.newest
        return await adopt_trust(self.ledger, self.trust, "XA", self.clock)

    async def restart(self) -> Refusal | None:
        """Begin again with nothing in force."""
        self.trust.forget()
        return await adopt_or_restore(self.ledger, self.trust, "XA", self.clock)

    async def refused(self, code: Code, newest: SampleTrust) -> str:
        """Check that a list is not adopted and nothing changes; returns why."""
        before, size = self.trust.view(), await self.ledger.check()
        with pytest.raises(Refusal) as refusal:
            await self.adopt(newest)
        assert refusal.value.code is code
        assert self.trust.view() is before
        assert await self.ledger.check() == size
        return refusal.value.reason

    def adoptions(self) -> list[TrustAdopted]:
        """Return every adoption in the journal."""
        bodies = [decode_statement(entry.draft.statement).body for entry in self.ledger.entries]
        return [body for body in bodies if isinstance(body, TrustAdopted)]


def rooted(bundle: TrustBundle, at: int = START) -> SampleTrust:
    """Resolve a whole list against the first root."""
    return SampleTrust(bundle, resolve(bundle, ROOT, at, whole=True), ROOT)


def renewed(role: str) -> Sequence[Signer]:
    """Give the snapshot another key than before."""
    return [role_signer(role, 2 if role == "snapshot" else 1)]


async def test_a_newer_list_is_journalled_with_its_bundle_and_put_in_force() -> None:
    home = Home()
    assert await home.adopt()
    assert home.adoptions() == [TrustAdopted(home.trust.newest.view.reference)]
    archived = await home.ledger.adopted_list()
    assert archived is not None
    assert archived.bundle == home.trust.newest.bundle
    assert archived.adopted_at == START
    assert home.trust.view() is home.trust.newest.view
    assert await home.adopt(sample_trust(version=2))
    assert len(home.adoptions()) == 2


async def test_the_same_list_again_is_put_in_force_without_another_entry() -> None:
    home = Home()
    await home.adopt()
    sooner = replace(home.trust.newest.view, expires_at=START + SECOND_US)
    assert not await home.adopt(SampleTrust(home.trust.newest.bundle, sooner, ROOT))
    assert home.trust.view().expires_at == START + SECOND_US
    assert len(home.adoptions()) == 1


async def test_never_goes_back_to_an_earlier_list_nor_to_another_of_the_same_version() -> None:
    home = Home()
    await home.adopt(sample_trust(version=5))
    assert "version 4" in await home.refused(Code.CONFLICT, sample_trust(version=4))
    other = sample_trust({**trust_files(), "policy.json": b"{}"}, version=5)
    assert "two different" in await home.refused(Code.CONFLICT, other)


async def test_goes_back_in_versions_where_a_newer_root_vouches_for_it() -> None:
    home = Home()
    await home.adopt(rooted(compose(trust_files(), version=1_000_000)))
    roots = [ROOT, make_root(2, signers=renewed)]
    recovered = rooted(compose(trust_files(), version=3, signers=renewed, roots=roots))
    assert await home.adopt(recovered)
    assert home.trust.view().reference.version == 3
    assert home.trust.view().root_version == 2
    older = rooted(compose(trust_files(), version=2, signers=renewed, roots=roots))
    await home.refused(Code.CONFLICT, older)


async def test_a_list_without_this_node_is_not_adopted_and_says_why() -> None:
    home = Home()
    await home.adopt()
    broken = {**trust_files(), "nodes/XA/node.json": b"{}"}
    reason = await home.refused(Code.UNKNOWN, sample_trust(broken, version=2))
    assert "country-XA" in reason
    assert "nodes/XA/node.json" in reason


async def test_a_full_disk_leaves_the_list_before_in_force() -> None:
    home = Home()
    await home.adopt()
    home.ledger.refusing = Refusal(Code.STALE, "the disk is full")
    await home.refused(Code.STALE, sample_trust(version=2))


async def test_another_process_may_adopt_the_same_list_first() -> None:
    home, newest = Home(), sample_trust(version=2)
    quicker = Home()
    quicker.ledger = home.ledger
    append = home.ledger.append

    async def late(drafts: object) -> object:
        del drafts
        home.ledger.append = append  # type: ignore[method-assign]
        await quicker.adopt(newest)
        raise Refusal(Code.CONFLICT, "it is there already")

    home.ledger.append = late  # type: ignore[assignment, method-assign]
    assert await home.adopt(newest)
    assert home.trust.view() == newest.view
    assert len(home.adoptions()) == 1


async def test_a_country_that_came_late_counts_from_the_next_version_on() -> None:
    """What the archive holds decides, or an audit would decide otherwise than the node did."""
    home, whole = Home(), compose(trust_files())
    metadata = {name: one for name, one in whole.metadata.items() if name != "country-XB.json"}
    files = {path: one for path, one in whole.files.items() if "/XB/" not in path}
    part = TrustBundle(metadata, files)
    await home.adopt(rooted(part))
    assert "XB" not in home.trust.view().nodes
    assert not await home.adopt(rooted(whole))
    assert "XB" not in home.trust.view().nodes
    assert await home.adopt(rooted(compose(trust_files(), version=2)))
    assert "XB" in home.trust.view().nodes


async def test_what_a_country_lists_in_vain_is_not_archived() -> None:
    home, bundle = Home(), compose(trust_files())
    bundle.files["nodes/XB/node.json"] = b"{}"
    view = resolve(bundle, ROOT, START, whole=True)
    await home.adopt(SampleTrust(complete(bundle, view), view, ROOT))
    again = await home.restart()
    assert again is None
    assert home.trust.view().nodes.keys() == {"XA", "XC"}


async def test_a_start_without_a_local_copy_restores_the_list_adopted_last() -> None:
    home = Home()
    await home.adopt()
    before = home.trust.view()
    home.trust.missing = Refusal(Code.STALE, "cannot be read")
    home.clock.advance(400 * 24 * 60 * 60)
    refusal = await home.restart()
    assert refusal is home.trust.missing
    assert replace(home.trust.view(), expires_at=before.expires_at) == before
    with pytest.raises(Refusal, match="has expired"):
        home.trust.view().require_fresh(home.clock())


async def test_a_restored_list_counts_no_longer_than_a_timestamp_would_let_it() -> None:
    home = Home()
    await home.adopt(sample_trust(expires_at=START + 60 * DAY_US))
    home.trust.missing = Refusal(Code.STALE, "cannot be read")
    await home.restart()
    home.trust.view().require_fresh(home.clock())
    home.clock.advance(24 * 60 * 60)
    with pytest.raises(Refusal, match="has expired"):
        home.trust.view().require_fresh(home.clock())


async def test_a_start_with_an_older_local_copy_restores_the_list_adopted_last() -> None:
    home = Home()
    await home.adopt(sample_trust(version=2, expires_at=START + 60 * DAY_US))
    home.trust.newest = sample_trust()
    refusal = await home.restart()
    assert refusal is not None
    assert refusal.code is Code.CONFLICT
    assert home.trust.view().reference.version == 2


async def test_a_first_start_without_a_list_says_what_is_missing() -> None:
    home = Home()
    home.trust.missing = Refusal(Code.STALE, "cannot be read")
    with pytest.raises(Refusal, match="cannot be read"):
        await home.restart()
