"""The gRPC door: whose certificates open it, what stands beside it, and how it closes."""

import asyncio
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from msgspec.structs import replace

from node.assembly import adopt
from node.errors import Code
from node.model.merkle import verify_consistency
from node.model.note import Checkpoint
from node.model.statement import Outcome
from node.model.trust import CertificateEntry
from node.wire.stubs import SERVICE_NAME, ConsistencyRequest, HeadRequest
from tests.federation import SECOND_US, certificate_entry, make_certificate
from tests.nodes import CALL_TIMEOUT_S, Dial, Home, Rejected, dialled, dialled_as, serving
from tests.scenes import Scene, answer_in, staged

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(tmp_path) as scene:
        yield scene


async def turned_away(scene: Scene, dial: Dial, status: str, code: Code | None) -> None:
    """Check that a good parcel gets nowhere on a channel."""
    before = await scene.state()
    with pytest.raises(Rejected) as rejection:
        await dial.exchange(scene.seal())
    assert (rejection.value.status, rejection.value.code) == (status, code)
    assert await scene.state() == before


# --- certificates --------------------------------------------------------------------------


async def test_a_peer_without_a_certificate_gets_no_connection(scene: Scene) -> None:
    async with dialled(scene.home, scene.running.grpc_port, None, None) as dial:
        await turned_away(scene, dial, "UNAVAILABLE", None)


@pytest.mark.parametrize(("node_id", "generation"), [("XB", 2), ("XD", 1)])
async def test_a_certificate_on_no_list_gets_no_connection(
    scene: Scene, node_id: str, generation: int
) -> None:
    key, certificate, _ = make_certificate(node_id, generation)
    async with dialled(scene.home, scene.running.grpc_port, key, certificate) as dial:
        await turned_away(scene, dial, "UNAVAILABLE", None)


def issued_by_xb() -> tuple[bytes, bytes]:
    """Let XB's listed certificate issue another one; returns its key and the chain."""
    key_pem, issuer_pem, _ = make_certificate("XB")
    issuer_key = load_pem_private_key(key_pem, None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(issuer_pem)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(issuer.subject)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .sign(issuer_key, hashes.SHA256())
    )
    own_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return own_key, certificate.public_bytes(Encoding.PEM) + issuer_pem


async def test_a_listed_certificate_vouches_for_no_other(scene: Scene) -> None:
    async with dialled(scene.home, scene.running.grpc_port, *issued_by_xb()) as dial:
        await turned_away(scene, dial, "UNAVAILABLE", None)


@pytest.mark.parametrize(
    ("version", "agreed"), [(ssl.TLSVersion.TLSv1_2, None), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]
)
async def test_speaks_no_tls_older_than_1_3(
    scene: Scene, tmp_path: Path, version: ssl.TLSVersion, agreed: str | None
) -> None:
    key_pem, certificate_pem, _ = make_certificate("XB")
    (tmp_path / "peer.pem").write_bytes(key_pem + certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(tmp_path / "peer.pem")
    context.set_alpn_protocols(["h2"])
    context.minimum_version = context.maximum_version = version

    def shake_hands() -> str | None:
        address = ("127.0.0.1", scene.running.grpc_port)
        with socket.create_connection(address, CALL_TIMEOUT_S) as plain:
            try:
                with context.wrap_socket(plain) as secure:
                    return secure.version()
            except ssl.SSLError:
                return None

    assert await asyncio.to_thread(shake_hands) == agreed


async def test_a_nodes_own_certificate_is_no_peers(scene: Scene) -> None:
    home = scene.home
    async with dialled(home, scene.running.grpc_port, home.key_pem, home.certificate_pem) as dial:
        await turned_away(scene, dial, "UNAUTHENTICATED", Code.UNAUTHENTICATED)


async def relist(scene: Scene, *entries: CertificateEntry) -> None:
    """Publish and adopt a list with other certificates of XB's."""
    described = scene.federation.node_file("XB")
    scene.federation.write_node(replace(described, tls=entries))
    scene.federation.publish()
    assert await adopt(scene.running.opened)


def entry(scene: Scene, **changes: Any) -> CertificateEntry:
    """Return the list's entry for XB's certificate, with whatever a test changes in it."""
    return replace(scene.federation.node_file("XB").tls[0], **changes)


@pytest.mark.parametrize(("since_s", "until_s"), [(-100, -1), (-100, 0), (1, None)])
async def test_a_certificate_outside_its_time_is_refused(
    scene: Scene, since_s: int, until_s: int | None
) -> None:
    now_s = scene.now // SECOND_US
    since = datetime.fromtimestamp(now_s + since_s, UTC)
    until = None if until_s is None else datetime.fromtimestamp(now_s + until_s, UTC)
    await relist(scene, entry(scene, valid_from=since, valid_until=until))
    await turned_away(scene, scene.xb, "UNAUTHENTICATED", Code.UNAUTHENTICATED)
    async with dialled_as("XB", scene.home, scene.running.grpc_port) as dial:
        await turned_away(scene, dial, "UNAUTHENTICATED", Code.UNAUTHENTICATED)


async def test_old_and_new_certificates_overlap_without_a_restart(scene: Scene) -> None:
    key, certificate, _ = make_certificate("XB", 2)
    port = scene.running.grpc_port
    old, new = entry(scene), certificate_entry("XB", 2)
    await relist(scene, old, new)
    async with dialled(scene.home, port, key, certificate) as dial:
        for one in (scene.xb, dial):
            answer = answer_in(await one.exchange(scene.seal()))
            assert answer.outcome is Outcome.CONFIRMED
        await relist(scene, new)
        assert answer_in(await dial.exchange(scene.seal())).outcome is Outcome.CONFIRMED
        await turned_away(scene, scene.xb, "UNAUTHENTICATED", Code.UNAUTHENTICATED)
    async with dialled_as("XB", scene.home, port) as dial:
        await turned_away(scene, dial, "UNAVAILABLE", None)


# --- health, reflection, head --------------------------------------------------------------


async def test_health_says_serving_for_the_node_and_its_service(scene: Scene) -> None:
    health = health_pb2_grpc.HealthStub(scene.xb.channel)
    for service in ("", SERVICE_NAME):
        request = health_pb2.HealthCheckRequest(service=service)
        response = await health.Check(request, timeout=CALL_TIMEOUT_S)
        assert response.status == SERVING


async def test_reflection_names_the_service_and_shows_its_messages(scene: Scene) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(scene.xb.channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="symbolon.v1.Parcel"),
    ]
    call = stub.ServerReflectionInfo(iter(requests), timeout=CALL_TIMEOUT_S)
    services, files = [response async for response in call]
    named = {service.name for service in services.list_services_response.service}
    assert {SERVICE_NAME, "grpc.health.v1.Health"} <= named
    assert b"SealedStatement" in files.file_descriptor_response.file_descriptor_proto[0]


async def test_head_and_consistency_prove_that_the_journal_only_grew(scene: Scene) -> None:
    stub = scene.xb.stub
    trust = scene.running.opened.trust.view()

    async def head() -> Checkpoint:
        note = (await stub.Head(HeadRequest(), timeout=CALL_TIMEOUT_S)).checkpoint
        return trust.open_checkpoint(trust.node("XA"), note, scene.now).checkpoint

    first = await head()
    await scene.ask()
    second = await head()
    request = ConsistencyRequest(first=first.size, second=second.size)
    path = (await stub.Consistency(request, timeout=CALL_TIMEOUT_S)).path
    assert second.size == first.size + 1
    verify_consistency(first.size, second.size, path, first.root, second.root)


@pytest.mark.parametrize(("first", "second"), [(0, 99), (5, 4), (2**63, 2**63 + 1)])
async def test_consistency_between_sizes_never_had_is_refused(
    scene: Scene, first: int, second: int
) -> None:
    request = ConsistencyRequest(first=first, second=second)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await scene.xb.stub.Consistency(request, timeout=CALL_TIMEOUT_S)
    assert Rejected(error.value).code in {Code.UNKNOWN, Code.MALFORMED}


# --- deadlines and the end -----------------------------------------------------------------


async def test_an_answer_after_the_deadline_is_there_when_asked_again(scene: Scene) -> None:
    sealed = scene.seal()
    with closing(sqlite3.connect(scene.home.data / "node.db")) as holding:
        holding.execute("BEGIN IMMEDIATE")
        with pytest.raises(Rejected) as rejection:
            await scene.xb.exchange(sealed, timeout_s=0.5)
        holding.rollback()
    assert rejection.value.status in {"RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}
    (first,) = await scene.xb.exchange(sealed)
    assert answer_in([first]).outcome is Outcome.CONFIRMED
    before = await scene.state()
    assert await scene.xb.exchange(sealed) == [first]
    assert await scene.state() == before


class Stopping:
    """A node that a test stops while it looks on."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._stop = asyncio.Event()
        self.port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        async with serving(self._home) as running:
            self.port.set_result(running.grpc_port)
            await self._stop.wait()

    def stop(self) -> None:
        self._stop.set()


async def test_health_turns_first_and_what_is_under_way_completes(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        home = scene.home
    stopping = Stopping(home)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stopping.run())
        async with dialled_as("XB", home, await stopping.port) as xb:
            health = health_pb2_grpc.HealthStub(xb.channel)
            watched = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE_NAME))
            assert (await watched.read()).status == SERVING
            with closing(sqlite3.connect(home.data / "node.db")) as holding:
                holding.execute("BEGIN IMMEDIATE")
                under_way = tasks.create_task(xb.exchange(scene.seal()))
                await asyncio.wait([under_way], timeout=0.2)
                assert not under_way.done()
                stopping.stop()
                assert (await watched.read()).status == NOT_SERVING
                watched.cancel()
                assert not under_way.done()
                holding.rollback()
            assert answer_in(await under_way).outcome is Outcome.CONFIRMED
