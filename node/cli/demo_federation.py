"""Three countries on one machine: made from the sample files, run as three processes.

1. make the federation's key, and three nodes that believe in it
2. put their descriptions and the sample agreements on a trust list, sign it, hand it out
3. run each node as a process of its own, and wait until it is fit to answer
4. import each country's sample registry, beside its running node

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
from node.settings import load

HOST: Final = "127.0.0.1"
SAMPLES_DIRECTORY: Final = Path(__file__).resolve().parent.parent.parent
_REGISTRIES: Final = {"XA": "xa.csv", "XB": "xb.json", "XC": "xc.csv"}
_ATTEMPTS: Final = 3
_READY_WITHIN_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.02
_LOG_END: Final = 300


class Samples(Struct, frozen=True):
    """Where the demo's sample files are."""

    registries: dict[str, Path]
    agreements: tuple[Path, ...]
    countries: Path


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
        tuple(sorted((root / "trust_lists" / "agreements").glob("*.json"))),
        root / "trust_lists" / "countries.json",
    )
    missing = [path for path in (*found.registries.values(), found.countries) if not path.is_file()]
    if not found.agreements:
        missing.append(root / "trust_lists" / "agreements")
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
        root: file of the federation's public key.
        nodes: by node id.
        imported: by node id.
        took_s: how long it took until all was running and imported.
    """

    directory: Path
    root: Path
    nodes: dict[str, NationalNode]
    imported: dict[str, Imported]
    processes: Processes
    took_s: float


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
        telling.say("Making a federation, three nodes and a signed trust list …", quietly=True)
        key = directory / "federation" / "federation.key"
        key.parent.mkdir()
        await _command(processes, "trust", "new-key", key)
        for attempt in range(1, _ATTEMPTS + 1):
            ports = [stack.enter_context(_held_port()) for _ in range(2 * len(countries))]
            numbers = [port.getsockname()[1] for port in ports]
            nodes = {
                country.node: NationalNode(country, directory, *numbers[2 * at : 2 * at + 2])
                for at, country in enumerate(countries)
            }
            try:
                await _make(processes, nodes, key, samples)
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
        yield Federation(directory, _public(key), nodes, imported, processes, took_s)


def _held_port() -> socket.socket:
    """Find a free port and keep it from everybody but a server that asks for it by number.

    Bound and not listening, it is given to no other program's outgoing connection, not even while
    its node is down; SO_REUSEADDR, which servers set, lets a node listen on it all the same.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((HOST, 0))
    return held


async def _make(
    processes: Processes, nodes: Mapping[str, NationalNode], key: Path, samples: Samples
) -> None:
    await asyncio.gather(
        *(
            _command(
                processes,
                *("--data", node.data, "init", "--node", name, "--root", _public(key)),
                *("--authority", node.country.authority, "--grpc", node.grpc, "--http", node.http),
            )
            for name, node in nodes.items()
        )
    )
    trust = key.parent / "trust"
    (trust / "agreements").mkdir(parents=True, exist_ok=True)
    for agreement in samples.agreements:
        shutil.copyfile(agreement, trust / "agreements" / agreement.name)
    for name, node in nodes.items():
        (trust / "nodes" / name).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(node.data / "node.json", trust / "nodes" / name / "node.json")
    await _command(processes, "trust", "sign", trust, "--key", key)
    for node in nodes.values():
        shutil.copytree(trust, node.data / "trust")


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


def _public(key: Path) -> Path:
    return key.with_name(f"{key.name}.vkey")
