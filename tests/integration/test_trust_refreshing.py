"""Running nodes that refresh their trust list: from the web, from each other, past its expiry."""

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from msgspec.structs import replace

from node.assembly import RunningNode
from node.errors import Code, Refusal
from node.flows.ask import Inquiry
from node.flows.ports import Employer
from node.model.credential import Field
from node.model.possession import prove_tls_key
from node.model.share_code import make
from node.model.statement import Outcome, Purpose
from node.model.trust import CertificateEntry
from node.settings import TrustSettings
from node.store.keys import add_certificate
from node.store.trust_mirror import NAME_LENGTH_MAX
from node.wire.stubs import HeadRequest, TrustFileRequest
from tests.federation import SECOND_US
from tests.nodes import BORN, REQUESTER, Dial, Federation, Home, Rejected, dialled, serving
from tests.refreshing import Scene
from tests.repository import Mirror, Repository, in_days, mirror_of, real_clock

_EMPLOYER = Employer("key-1", REQUESTER)
_HOUR_S = 3600.0


class World:
    """XA and XB with data directories, a repository that lists them, and its mirror."""

    def __init__(self, base: Path) -> None:
        self.federation = Federation(base)
        self.clock = self.federation.clock
        self.clock.now = real_clock()  # TUF's client lives by no other
        self.homes = {node_id: self.federation.add(node_id) for node_id in ("XA", "XB")}
        self.repository = Repository(self.federation.files)
        self.mirror: Mirror

    def home(self, node_id: str, *mirrors: str) -> Home:
        """Return a node that knows the root and these mirrors, and has no list yet."""
        home = self.homes[node_id]
        (home.data / "root.json").write_bytes(self.repository.trusted_root)
        trust = TrustSettings(mirrors=mirrors or (self.mirror.url,), mirror_timeout_s=10.0)
        return replace(home, settings=replace(home.settings, trust=trust))

    def publish(self, *countries: str) -> None:
        """Publish what the federation's files say of these countries now."""
        self.repository.files.update(self.federation.files)
        self.repository.publish(*(f"country-{country}" for country in countries))

    @asynccontextmanager
    async def both(self) -> AsyncIterator[tuple[RunningNode, RunningNode]]:
        """Run both nodes, each with the other's address on its list."""
        async with AsyncExitStack() as stack:
            running = {}
            for node_id in ("XA", "XB"):
                running[node_id] = await stack.enter_async_context(serving(self.home(node_id)))
                self.federation.move(node_id, running[node_id].grpc_port)
            self.publish("XA", "XB")
            for node in running.values():
                assert await node.refreshing.refresh()
            yield running["XA"], running["XB"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "nodes")
    with mirror_of(made.repository.served) as made.mirror:
        yield made


async def asked(node: RunningNode, of: str, seed: int = 0) -> None:
    """Ask another node about a code that it never gave; it has to answer all the same."""
    inquiry = Inquiry(make(of, bytes([seed]) * 10), BORN, Purpose.EMPLOYMENT, (Field.TITLE,))
    verification = await node.asking.ask(_EMPLOYER, inquiry)
    assert verification.answer is not None
    assert verification.answer.outcome is Outcome.NOT_CONFIRMED


async def ready(node: RunningNode) -> tuple[int, dict[str, str]]:
    """Return what a node says of its health."""
    url = f"http://127.0.0.1:{node.http_port}/health/ready"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, (await response.json())["checks"]


# --- from the web --------------------------------------------------------------------------


async def test_a_node_without_a_list_begins_with_what_a_mirror_has(world: World) -> None:
    async with serving(world.home("XA")) as running:
        assert running.opened.trust.view().reference.version == 1
        assert (await ready(running))[0] == 200
    async with serving(world.home("XA", "/nowhere")) as running:
        assert running.opened.trust.view().reference.version == 1


async def test_a_node_that_no_mirror_gives_a_list_does_not_begin(world: World) -> None:
    with pytest.raises(Refusal, match="/nowhere: there is no such directory"):
        async with serving(world.home("XA", "/nowhere")):
            pass


async def test_what_is_published_counts_within_one_refresh(world: World) -> None:
    async with world.both() as (xa, xb):
        await asked(xa, "XB")
        await asked(xb, "XA")
        world.federation.agree("XA", "XB", in_force_until="2025-01-01")
        world.publish("XA", "XB")
        assert await xa.refreshing.refresh()
        with pytest.raises(Refusal) as refusal:
            await asked(xa, "XB", seed=1)
        assert refusal.value.code is Code.UNTRUSTED
        statements = world.homes["XA"].rows("SELECT count(*) FROM trust_list")
        assert statements == [(3,)]


async def test_health_and_metrics_tell_how_refreshing_goes(world: World) -> None:
    async with serving(world.home("XA")) as running:
        await running.refreshing.refresh()
        world.clock.advance(300)
        status, checks = await ready(running)
        assert status == 200
        assert checks["trust_list"].startswith(
            f"in force, version 1, looked after 5 minutes ago at {world.mirror.url}, "
            "expires in 23 hours"
        )
        world.mirror.served = {}
        with pytest.raises(Refusal):
            await running.refreshing.refresh()
        world.clock.advance(2)
        status, checks = await ready(running)
        assert status == 200
        assert "refreshing has failed once, 2 seconds ago" in checks["trust_list"]
        assert "status 404" in checks["trust_list"]
        url = f"http://127.0.0.1:{running.http_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            text = await response.text()
        assert "\nsymbolon_trust_list_age_seconds 302.0" in text
        assert "\nsymbolon_trust_refresh_failures 1.0" in text
        assert '\nsymbolon_expires_in_seconds{kind="role",name="timestamp"}' in text
        assert '\nsymbolon_expires_in_seconds{kind="certificate",name="XB"}' in text


async def test_a_country_at_fault_is_named_and_spoils_nobody_else(world: World) -> None:
    async with serving(world.home("XA")) as running:
        world.repository.countries["XC"].expires = in_days(-1)
        world.repository.publish("country-XC")
        assert await running.refreshing.refresh()
        status, checks = await ready(running)
        assert status == 200
        assert checks["trust_list_faults"].startswith("country-XC: offers what has expired")
        assert set(running.opened.trust.view().nodes) == {"XA", "XB"}


# --- past its expiry -----------------------------------------------------------------------


async def test_an_expired_list_stops_new_questions_only_until_the_next_good_refresh(
    world: World,
) -> None:
    async with world.both() as (xa, xb):
        await asked(xa, "XB")
        served = world.mirror.served
        world.mirror.served = {}
        world.clock.advance(36 * _HOUR_S)
        with pytest.raises(Refusal) as refusal:
            await asked(xa, "XB", seed=1)
        assert refusal.value.code is Code.STALE
        status, checks = await ready(xa)
        assert status == 503
        assert "has expired" in checks["trust_list"]
        home = world.homes["XB"]
        async with dialled_from_xa(world, home, xb.grpc_port) as dial:
            assert (await dial.stub.Head(HeadRequest())).checkpoint  # audits go on
        await xa.refreshing.refresh_if_due()
        assert xa.refreshing.state.failures == 1
        world.repository.timestamp.expires = in_days(5)
        world.repository.publish()
        world.mirror.served = served
        world.clock.advance(2 * _HOUR_S)  # past the wait and its jitter
        for node in (xa, xb):
            await node.refreshing.refresh_if_due()
        await asked(xa, "XB", seed=2)
        assert (await ready(xa))[0] == 200


# --- from a peer ---------------------------------------------------------------------------


@asynccontextmanager
async def dialled_from_xa(world: World, home: Home, port: int) -> AsyncIterator[Dial]:
    xa = world.homes["XA"]
    async with dialled(home, port, xa.key_pem, xa.certificate_pem) as dial:
        yield dial


async def test_a_node_refreshes_from_a_peer_even_with_an_expired_list(world: World) -> None:
    async with serving(world.home("XA")) as xa:
        world.federation.move("XA", xa.grpc_port)
        world.publish("XA")
        await xa.refreshing.refresh()
        home = world.home("XB", "peer:XA")
        seeding = Scene(home.data, world.mirror, world.repository)
        await seeding.fetch()
        async with serving(home) as xb:
            world.clock.advance(36 * _HOUR_S)
            world.repository.timestamp.expires = in_days(5)
            world.publish("XB")
            await xa.refreshing.refresh()
            world.mirror.requests.clear()
            assert await xb.refreshing.refresh()
            assert xb.opened.trust.view().reference == xa.opened.trust.view().reference
            assert xb.refreshing.state.mirror == "peer:XA"
            assert world.mirror.requests == []
            assert not await xb.refreshing.refresh()


async def _trust_file(dial: Dial, name: str) -> bytes:
    try:
        reply: Any = await dial.stub.TrustFile(TrustFileRequest(name=name))
    except grpc.aio.AioRpcError as error:
        raise Rejected(error) from None
    return bytes(reply.content)


async def test_a_peer_gets_exactly_what_a_repository_would_serve(world: World) -> None:
    async with serving(world.home("XB")) as xb:
        world.repository.rotate("timestamp", *world.repository.signers["timestamp"])
        world.publish("XA")
        await xb.refreshing.refresh()
        served = world.repository.served
        gone = {"1.country-XA", "1.snapshot"}
        async with dialled_from_xa(world, world.homes["XB"], xb.grpc_port) as dial:
            for name, content in served.items():
                if not any(old in name for old in gone):
                    assert await _trust_file(dial, name) == content
            for name in (
                "metadata/1.country-XA.json",
                "metadata/3.root.json",
                "metadata/9.snapshot.json",
                "metadata/1.country-XZ.json",
                f"targets/nodes/XA/{'0' * 64}.node.json",
            ):
                with pytest.raises(Rejected) as refused:
                    await _trust_file(dial, name)
                assert refused.value.code is Code.UNKNOWN


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "metadata/root.json",
        "metadata/../../node.db",
        "metadata/01.snapshot.json",
        "metadata/1.other.json",
        "metadata/timestamp.json\n",
        f"targets/../{'0' * 64}.symbolon.toml",
        f"targets/nodes/../../{'0' * 64}.root.json",
        f"targets//{'0' * 64}.node.json",
        "targets/nodes/XA/node.json",
        "keys/tls.key.pem",
        "metadata/" + "a" * NAME_LENGTH_MAX,
    ],
)
async def test_no_other_name_opens_any_file_to_a_peer(world: World, name: str) -> None:
    async with (
        serving(world.home("XB")) as xb,
        dialled_from_xa(world, world.homes["XB"], xb.grpc_port) as dial,
    ):
        with pytest.raises(Rejected) as refused:
            await _trust_file(dial, name)
        assert refused.value.code is Code.MALFORMED


async def test_who_is_not_on_the_list_is_given_no_file(world: World) -> None:
    async with serving(world.home("XB")) as xb:
        home = world.homes["XB"]
        name = "metadata/timestamp.json"
        async with dialled_from_xa(world, home, xb.grpc_port) as dial:
            assert await _trust_file(dial, name)
            described = world.federation.node_file("XA")
            past = datetime.fromtimestamp(world.clock() // SECOND_US, UTC) - timedelta(hours=1)
            ended = tuple(replace(entry, valid_until=past) for entry in described.tls)
            world.federation.write_node(replace(described, tls=ended))
            world.publish("XA")
            await xb.refreshing.refresh()
            with pytest.raises(Rejected) as refused:
                await _trust_file(dial, name)
            assert refused.value.code is Code.UNAUTHENTICATED
        own = dialled(home, xb.grpc_port, home.key_pem, home.certificate_pem)
        async with own as dial:
            with pytest.raises(Rejected) as refused:
                await _trust_file(dial, name)
            assert refused.value.code is Code.UNAUTHENTICATED


# --- certificates --------------------------------------------------------------------------


def _listed(home: Home, name: str, since: datetime, until: datetime | None) -> CertificateEntry:
    """List a certificate that a node holds, with the proof that it has the key."""
    directory = home.data / "keys"
    key = load_pem_private_key((directory / f"{name}.key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = x509.load_pem_x509_certificate((directory / f"{name}.cert.pem").read_bytes())
    return CertificateEntry(
        base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        since,
        base64.b64encode(prove_tls_key(home.node_id, key)).decode(),
        until,
    )


async def _presents(world: World, port: int, name: str) -> bool:
    """Tell whether XB presents one of its certificates to whoever connects now."""
    xa, home = world.homes["XA"], world.homes["XB"]
    expected = (home.data / "keys" / f"{name}.cert.pem").read_bytes()
    credentials = grpc.ssl_channel_credentials(expected, xa.key_pem, xa.certificate_pem)
    options = (("grpc.ssl_target_name_override", "xb.symbolon"),)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=options) as one:
        try:
            await Dial(one).stub.Head(HeadRequest(), timeout=10)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
    return True


async def test_a_certificate_is_replaced_through_the_list_while_both_nodes_run(
    world: World,
) -> None:
    async with world.both() as (xa, xb):
        await asked(xa, "XB")
        await asked(xb, "XA")
        home = world.homes["XB"]
        now = datetime.fromtimestamp(world.clock() // SECOND_US, UTC)
        add_certificate(home.data / "keys", "XB", datetime.now(UTC))
        described = world.federation.node_file("XB")
        changed = replace(
            described,
            tls=(
                _listed(home, "tls", described.tls[0].valid_from, now + timedelta(hours=2)),
                _listed(home, "tls-2", now + timedelta(hours=1), None),
            ),
        )
        world.federation.write_node(changed)
        world.publish("XB")
        for hours, presented in ((0.0, "tls"), (1.5, "tls-2"), (1.5, "tls-2")):
            world.clock.advance(hours * _HOUR_S)
            for node in (xa, xb):
                await node.refreshing.refresh_if_due()
            seed = int(world.clock() // SECOND_US) % 251
            await asked(xa, "XB", seed)
            await asked(xb, "XA", seed)
            for name in ("tls", "tls-2"):
                assert await _presents(world, xb.grpc_port, name) == (name == presented)
        described = world.federation.node_file("XB")
        world.federation.write_node(replace(described, tls=described.tls[1:]))
        world.publish("XB")
        for node in (xa, xb):
            assert await node.refreshing.refresh()
        await asked(xa, "XB", 252)
        await asked(xb, "XA", 252)
