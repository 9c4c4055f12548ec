"""How a large federation's trust list is resolved and looked up: time, memory, look-ups a second.

python -m tests.benchmarks.trust DIRECTORY measures the local copy in a directory by itself.
"""

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from securesystemslib.signer import CryptoSigner

from node.model.credential import AwardType
from node.model.statement import Purpose
from node.model.trust import TrustView, extract
from node.model.trust_files import FederationFile, FrameworkFile, LevelEntry, MemberEntry
from node.store.trust_files import TrustDirectory, encode_bundle, write_bundle
from tests.federation import (
    START,
    agreement_files,
    compose,
    issuers_file,
    node_file,
    role_signer,
)

COUNTRIES = 200
ISSUERS = 5_000
AGREEMENTS = 2_000
_LOOKUPS = 200_000
_ROOT = "root.json"


class TrustFigures(Struct, frozen=True):
    """What one run measured; sizes in MB, `lookups_per_s` by what is looked up."""

    read_s: float
    resolve_s: float
    memory_mb: float
    bundle_mb: float
    receipt_kb: float
    lookups_per_s: dict[str, float]


def large_federation() -> dict[str, bytes]:
    """Return the files of a federation of many countries, issuers and agreements."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    pairs = itertools.product(letters, letters)
    countries = ["".join(pair) for pair in itertools.islice(pairs, COUNTRIES)]
    members = tuple(MemberEntry(country, date(2026, 1, 1)) for country in countries)
    files = {
        "federation.json": msgspec.json.encode(FederationFile("A large federation", members)),
        "policy.json": b'{"seals_required": ["ed25519", "ml-dsa-44"]}',
    }
    levels = tuple(LevelEntry(f"Level {level}", level) for level in range(1, 9))
    framework = msgspec.json.encode(FrameworkFile("Framework", levels, "Referencing report"))
    for country in countries:
        (issuer,) = issuers_file(country).issuers
        issuers = tuple(
            replace(issuer, id=f"college-{number}") for number in range(ISSUERS // COUNTRIES)
        )
        files[f"nodes/{country}/node.json"] = msgspec.json.encode(node_file(country))
        files[f"issuers/{country}/issuers.json"] = msgspec.json.encode({"issuers": issuers})
        files[f"issuers/{country}/framework.json"] = framework
    for one, other in itertools.islice(_neighbours(countries), AGREEMENTS):
        files |= agreement_files(one, other)
    return files


def _neighbours(countries: Sequence[str]) -> "itertools.chain[tuple[str, str]]":
    """Yield pairs so that every country has about as many agreements as any other."""
    return itertools.chain.from_iterable(
        zip(countries, (*countries[step:], *countries[:step]), strict=True)
        for step in range(1, len(countries))
    )


def _two_signers(role: str) -> Sequence[CryptoSigner]:
    return role_signer(role), role_signer(role, 2)


def measure() -> TrustFigures:
    """Sign a large federation and measure it in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="symbolon-bench-") as folder:
        directory = Path(folder)
        bundle = compose(large_federation(), signers=_two_signers)
        write_bundle(bundle, directory / "trust")
        (directory / _ROOT).write_bytes(bundle.metadata["1.root.json"])
        command = [sys.executable, "-m", "tests.benchmarks.trust", folder]
        printed = subprocess.run(command, check=True, capture_output=True).stdout
        return msgspec.json.decode(printed, type=TrustFigures)


def _measure_here(directory: Path) -> TrustFigures:
    trust = TrustDirectory(directory / "trust", (directory / _ROOT).read_bytes(), lambda: START)
    before_mb = _memory_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # from here on the peak counts
    started = time.perf_counter()
    bundle, view = trust.read()
    read_s = time.perf_counter() - started
    memory_mb = _memory_mb("VmHWM") - before_mb
    started = time.perf_counter()
    trust.restore(bundle, START)
    resolve_s = time.perf_counter() - started
    assert view.faults == ()
    assert len(view.nodes) == COUNTRIES
    assert len(view.issuers) == ISSUERS
    assert len(view.agreements) == AGREEMENTS
    part = extract(bundle, list(view.nodes)[:2])
    return TrustFigures(
        read_s,
        resolve_s,
        memory_mb,
        len(encode_bundle(bundle)) / 1e6,
        len(encode_bundle(part)) / 1e3,
        _lookups(view),
    )


def _memory_mb(name: str) -> float:
    """Return what the kernel says of this process: VmRSS is now, VmHWM the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def _lookups(view: TrustView) -> dict[str, float]:
    nodes = list(view.nodes)
    one, other = sorted(next(iter(view.agreements)))
    pin = next(iter(view.node_by_pin))
    country, issuer = next(iter(view.issuers))
    found = view.issuers[country, issuer]
    looked_up: dict[str, Callable[[], object]] = {
        "node by id": lambda: view.nodes.get(nodes[0]),
        "node by pin": lambda: view.node_by_pin.get(pin),
        "member at a time": lambda: view.member(nodes[0], START),
        "issuer at a time": lambda: view.issuer_at(country, issuer, START),
        "agreement for a query": lambda: view.agreement_for(one, other, Purpose.EMPLOYMENT, START),
        "accreditation of an award": lambda: found.accreditation_for(
            "7212", 4, AwardType.UNIT, START
        ),
    }
    return {name: _rate(look_up) for name, look_up in looked_up.items()}


def _rate(look_up: Callable[[], object]) -> float:
    assert look_up()
    started = time.perf_counter()
    for _ in range(_LOOKUPS):
        look_up()
    return _LOOKUPS / (time.perf_counter() - started)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_measure_here(Path(sys.argv[1]))))
