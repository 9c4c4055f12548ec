"""Three countries on one machine: made from the sample files, run as three processes.

1. found a federation: keys of its officers, a root that two of three sign, published
2. make three nodes that start from that root
3. admit their countries, whose own officers sign node, issuers and agreements; publish
4. run each node as a process of its own: it fetches the trust list from what is published
5. import each country's sample registry, beside its running node

Everything but employers' keys and share codes is done by the commands that an operator types.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

import aiohttp
import msgspec
from msgspec import Struct

from node import assembly
from node.cli.demo_processes import Finished, Process, Processes
from node.cli.demo_telling import Telling
from node.errors import Code, Refusal
from node.model.statement import Requester
from node.model.trust_files import FEDERATION_FILE, FederationFile
from node.settings import load

HOST: Final = "127.0.0.1"
SAMPLES_DIRECTORY: Final = Path(__file__).resolve().parent.parent.parent
_REGISTRIES: Final = {"XA": "xa.csv", "XB": "xb.json", "XC": "xc.csv"}
_OFFICERS: Final = ("anna", "ben", "cleo")
_PUBLISHER: Final = ("snapshot", "timestamp")
LOOKS_OFTEN: Final = "\n[schedule]\nrefresh_trust_s = 5.0\n"  # somebody may watch the list change
_ATTEMPTS: Final = 3
_READY_WITHIN_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.02
_LOG_END: Final = 300


class Samples(Struct, frozen=True):
    """Where the demo's sample files are."""

    registries: dict[str, Path]
    trust_lists: Path

    @property
    def fourth(self) -> Path:
        """What a fourth country brings with it, when it joins."""
        return self.registries["XA"].parent / "xd"

    @property
    def countries(self) -> Path:
        """The file that names the countries."""
        return self.trust_lists / "countries.json"

    def signed_by(self, country: str) -> list[Path]:
        """What a country's officers sign, beside its node: issuers, framework, agreements."""
        return [
            path
            for folder in ("issuers", "agreements")
            for path in sorted((self.trust_lists / folder / country).glob("*.json"))
        ]


class Country(Struct, frozen=True):
    """A country as `countries.json` describes it."""

    node: str
    country: str
    name: str
    authority: str
    languages: tuple[str, ...]


class Imported(Struct, frozen=True):
    """What an import brought in, and how long it took, without the start of the program."""

    rows: int
    took_s: float

    @property
    def per_s(self) -> float:
        """Rows per second."""
        return self.rows / self.took_s


def find_samples(directory: Path | None) -> Samples:
    """Find the sample files in a clone of the repository.

    Raises:
        Refusal: UNKNOWN where one is missing.
    """
    root = SAMPLES_DIRECTORY if directory is None else directory
    found = Samples(
        {node: root / "deploy" / "demo" / name for node, name in _REGISTRIES.items()},
        root / "trust_lists",
    )
    needed = (*found.registries.values(), found.countries, found.trust_lists / FEDERATION_FILE)
    missing = [path for path in needed if not path.is_file()]
    missing += [
        found.trust_lists / "agreements" / country
        for country in _REGISTRIES
        if not found.signed_by(country)
    ]
    if missing:
        raise Refusal(
            Code.UNKNOWN,
            f"the demo's sample file {missing[0]} is missing; run the demo from a clone of the "
            "repository, or name one with --samples",
        )
    return found


class NationalNode:
    """One country's node: its data, its doors and the process that serves it.

    Attributes:
        country: whose it is.
        data: its data directory.
        log: the file with what its process logs.
        url: where employers come in.
    """

    def __init__(self, country: Country, directory: Path, grpc_port: int, http_port: int) -> None:
        """Describe a node; nothing is made yet."""
        self.country = country
        self.data = directory / country.node
        self.log = directory / f"{country.node}.log"
        self.grpc = f"{HOST}:{grpc_port}"
        self.http = f"{HOST}:{http_port}"
        self.url = f"http://{self.http}"
        self._process: Process | None = None

    @property
    def process_id(self) -> int | None:
        """The operating system's number for its process."""
        return None if self._process is None else self._process.pid

    def start(self, processes: Processes) -> None:
        """Start its process."""
        self._process = processes.serve(self.data, self.log)

    def kill(self, processes: Processes) -> None:
        """Kill its process without a warning (SIGKILL), as a power cut would."""
        if self._process is not None:
            processes.kill(self._process)

    async def ready(self, session: aiohttp.ClientSession) -> float:
        """Wait until it is fit to answer; returns the seconds that took.

        Raises:
            Refusal: STALE where its process ends or is not fit in time.
        """
        started_s = perf_counter()
        while (waited_s := perf_counter() - started_s) < _READY_WITHIN_S:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                async with session.get(f"{self.url}/health/ready") as response:
                    if response.status == 200:  # noqa: PLR2004 - HTTP's OK
                        return waited_s
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(_LOOK_AGAIN_S)
        end = (
            self.log.read_text("utf-8", "replace")[-_LOG_END:].strip() if self.log.exists() else ""
        )
        raise Refusal(Code.STALE, f"node {self.country.node} did not start; its log ends: {end}")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[assembly.OpenedNode]:
        """Open its store beside its serving process, as every command does."""
        async with assembly.opened_node(self.data, load(self.data)) as opened:
            await assembly.adopt(opened)
            yield opened

    async def make_key(self, requester: Requester) -> str:
        """Make an API key for an employer."""
        async with self.opened() as opened:
            return (await opened.employers.create(requester, assembly.clock()))[1]


class Federation(Struct, frozen=True):
    """The running federation.

    Attributes:
        directory: where all of it is.
        trust: directory of the federation's operator.
        root: file of the federation's first root.
        officers: whose keys sign who is a member, any two of them.
        signers: whose keys sign for a country, by node id.
        spare_ports: two that are kept for a node that joins.
        nodes: by node id.
        imported: by node id.
        took_s: how long it took until all was running and imported.
    """

    directory: Path
    trust: Path
    root: Path
    officers: tuple[str, ...]
    signers: dict[str, tuple[str, ...]]
    nodes: dict[str, NationalNode]
    spare_ports: tuple[int, int]
    imported: dict[str, Imported]
    processes: Processes
    took_s: float

    def key(self, name: str) -> Path:
        """Return the file of somebody's key."""
        return _keys(self.directory) / f"{name}.key"


def _keys(directory: Path) -> Path:
    return directory / "federation" / "keys"


@asynccontextmanager
async def running_federation(
    directory: Path, samples: Samples, session: aiohttp.ClientSession, telling: Telling
) -> AsyncIterator[Federation]:
    """Make the federation in an empty directory and run it until the context ends.

    Raises:
        Refusal: where it cannot be made, with the command that failed.
    """
    started_s = perf_counter()
    countries = msgspec.json.decode(samples.countries.read_bytes(), type=list[Country])
    processes = Processes()
    with ExitStack() as stack:
        stack.callback(processes.stop_all)
        telling.say("Founding a federation; its officers sign ('symbolon trust') …", quietly=True)
        founding = _Founding(processes, directory, samples)
        await founding.found()
        spare = [stack.enter_context(_held_port()).getsockname()[1] for _ in range(2)]
        for attempt in range(1, _ATTEMPTS + 1):
            ports = [stack.enter_context(_held_port()) for _ in range(2 * len(countries))]
            numbers = [port.getsockname()[1] for port in ports]
            nodes = {
                country.node: NationalNode(country, directory, *numbers[2 * at : 2 * at + 2])
                for at, country in enumerate(countries)
            }
            try:
                telling.say("Making three nodes; their countries are admitted …", quietly=True)
                await founding.admit(nodes)
                telling.say("Starting the nodes, as three processes …", quietly=True)
                await _run(processes, nodes, session)
                break
            except Refusal:  # most likely a port that was taken from under us
                processes.stop_all()
                if attempt == _ATTEMPTS:
                    raise
                for node in nodes.values():
                    shutil.rmtree(node.data, ignore_errors=True)
        telling.say(
            "Importing their sample registries ('symbolon registry import') …", quietly=True
        )
        imported = {
            name: await _import(processes, node, samples.registries[name])
            for name, node in nodes.items()
        }
        took_s = perf_counter() - started_s
        yield Federation(
            directory=directory,
            trust=founding.trust,
            root=founding.root,
            officers=_OFFICERS,
            signers=founding.signers,
            nodes=nodes,
            spare_ports=(spare[0], spare[1]),
            imported=imported,
            processes=processes,
            took_s=took_s,
        )


def _held_port() -> socket.socket:
    """Find a free port and keep it from everybody but a server that asks for it by number.

    Bound and not listening, it is given to no other program's outgoing connection, not even while
    its node is down; SO_REUSEADDR, which servers set, lets a node listen on it all the same.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((HOST, 0))
    return held


class _Founding:
    """The officers of the federation and of its countries, at work with the commands they type.

    The federation's directory, each officer's key and what is carried between them are all under
    one directory; in life each of them is somewhere else.

    Attributes:
        trust: the federation's directory.
        signers: whose keys sign for a country, by node id.
    """

    def __init__(self, processes: Processes, directory: Path, samples: Samples) -> None:
        """Begin with nothing in a directory."""
        self._processes = processes
        self._samples = samples
        self._keys = _keys(directory)
        self.trust = directory / "federation" / "trust"
        self._published = self.trust / "published"
        self.signers: dict[str, tuple[str, ...]] = {}

    @property
    def root(self) -> Path:
        """The first root, as it is handed to whoever shall trust the federation."""
        return self._published / "metadata" / "1.root.json"

    async def found(self) -> None:
        """Make keys, found the federation, have its root signed and publish it."""
        self._keys.mkdir(parents=True)
        await self._new_keys(*_OFFICERS, *_PUBLISHER)
        described = msgspec.json.decode(
            (self._samples.trust_lists / FEDERATION_FILE).read_bytes(), type=FederationFile
        )
        await self._run(
            *("new-federation", self.trust, "--name", described.name),
            *self._public("--root-key", *_OFFICERS),
            *("--root-threshold", "2"),
            *self._public("--targets-key", *_OFFICERS),
            *("--targets-threshold", "2"),
            *self._public("--snapshot-key", "snapshot"),
            *self._public("--timestamp-key", "timestamp"),
        )
        await self._sign({"root": _OFFICERS[:2], "targets": _OFFICERS[:2]})
        await self._publish()

    async def admit(self, nodes: Mapping[str, NationalNode]) -> None:
        """Make nodes that start from the root; admit their countries, which sign for them."""
        fresh = [name for name in nodes if name not in self.signers]
        signers = self.signers
        signers.update({name: (f"{name}-1".lower(), f"{name}-2".lower()) for name in fresh})
        await asyncio.gather(
            self._new_keys(*(key for name in fresh for key in signers[name])),
            *(self._make(node) for node in nodes.values()),
        )
        for name in fresh:
            keys = self._public("--country-key", *signers[name])
            await self._run("admit", self.trust, name, *keys, "--threshold", "2")
        for name in nodes:
            request = self._request(name)
            await self._run("country", self.trust, name, request, *self._samples.signed_by(name))
        to_sign = {f"country-{name}": signers[name] for name in nodes}
        await self._sign(to_sign | ({"targets": _OFFICERS[1:]} if fresh else {}))
        await self._publish()

    async def _make(self, node: NationalNode) -> None:
        name = node.country.node
        await _command(
            self._processes,
            *("--data", node.data, "init", "--node", name, "--root", self.root),
            *("--authority", node.country.authority, "--grpc", node.grpc, "--http", node.http),
            *("--mirror", self._published),
        )
        settings = node.data / "symbolon.toml"
        settings.write_text(f"{settings.read_text('utf-8')}{LOOKS_OFTEN}", "utf-8")
        self._request(name).unlink(missing_ok=True)
        await _command(self._processes, "--data", node.data, "join", "--out", self._request(name))

    def _request(self, name: str) -> Path:
        return self._keys / f"{name.lower()}.join.json"

    def _public(self, option: str, *names: str) -> list[str | Path]:
        return [part for name in names for part in (option, self._keys / f"{name}.key.pub")]

    async def _new_keys(self, *names: str) -> None:
        await asyncio.gather(
            *(self._run("new-key", self._keys / f"{name}.key", "--no-passphrase") for name in names)
        )

    async def _sign(self, roles: Mapping[str, Sequence[str]]) -> None:
        """Carry each staged file to its signers, all at once, and bring the signatures back."""
        brought: list[Path] = []
        signing = []
        for role, names in roles.items():
            for name in names:
                desk = self._keys / f"{name}-signs"
                desk.mkdir(exist_ok=True)
                file = desk / f"{role}.json"
                shutil.copyfile(self.trust / "staged" / file.name, file)
                brought.append(file)
                key = self._keys / f"{name}.key"
                signing.append(self._run("sign", file, "--key", key, "--yes"))
        await asyncio.gather(*signing)
        await self._run("collect", self.trust, *brought)

    async def _publish(self) -> None:
        snapshot, timestamp = (self._keys / f"{name}.key" for name in _PUBLISHER)
        keys = ("--snapshot-key", snapshot, "--timestamp-key", timestamp)
        await self._run("publish", self.trust, *keys)

    async def _run(self, *arguments: str | Path) -> None:
        await _command(self._processes, "trust", *arguments)


async def _run(
    processes: Processes, nodes: Mapping[str, NationalNode], session: aiohttp.ClientSession
) -> None:
    for node in nodes.values():
        node.start(processes)
    await asyncio.gather(*(node.ready(session) for node in nodes.values()))


async def _import(processes: Processes, node: NationalNode, file: Path) -> Imported:
    done = await _command(processes, "--data", node.data, "registry", "import", file, "--json")
    said = done.json()
    accepted, took_s = said.get("accepted"), said.get("took_s")
    if not isinstance(accepted, int) or not isinstance(took_s, float):
        raise Refusal(
            Code.DEFECT, "registry import --json did not say how many rows it took, and how long"
        )
    return Imported(accepted, took_s)


async def _command(processes: Processes, *arguments: str | Path) -> Finished:
    done = await processes.run(*arguments)
    if done.status != 0:
        said = (done.stderr or done.stdout).strip()[-_LOG_END:]
        raise Refusal(Code.STALE, f"'symbolon {_shown(arguments)}' failed: {said}")
    return done


def _shown(arguments: Sequence[str | Path]) -> str:
    return " ".join(map(str, arguments))
