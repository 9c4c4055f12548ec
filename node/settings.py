"""Every knob of a node, with its unit; seen by `assembly` and the command line only.

One TOML file in the node's data directory. Unknown keys refuse to start; paths are relative to
that directory; secrets are files, never values.
"""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from node.errors import Code, Refusal

FILE_NAME: Final = "symbolon.toml"


class NodeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[node]`: who this node is."""

    id: str
    authority: str
    origin: str
    country: str = ""


class ListenSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[listen]`: where the doors are, as host:port; `endpoint` is what peers dial."""

    grpc: str
    http: str
    endpoint: str


class StoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[store]`: the database file and the directory of key files."""

    database: str = "node.db"
    keys: str = "keys"


class SealSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[seals]`: whether checkpoints also carry an ML-DSA-44 signature."""

    ml_dsa_44: bool = True


class TrustSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[trust]`: the local copy of the trust list, the root that it starts from, its mirrors.

    A mirror is https://host/path, a directory or peer:XB; with none, the local copy is what
    somebody puts there. `mirror_timeout_s` is for all that one refresh takes from one mirror.
    """

    directory: str = "trust"
    root: str = "root.json"
    mirrors: tuple[str, ...] = ()
    mirror_timeout_s: float = 60.0


class ExchangeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[exchange]`: deadlines and batching towards peers.

    `answer_within_s` is the deadline that queries carry, at most 300.
    """

    answer_within_s: int = 240
    peer_timeout_s: float = 10.0
    parcels_in_flight: int = 8


class QuotaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[quota]`: token buckets: an API key's, a peer's and a requester's behind a peer.

    `guess_*` bound how often one share code may be tried in vain, whoever tries; `query_*` what
    one address may look up in the trust list.
    """

    key_burst: float = 20_000.0
    key_per_s: float = 2_000.0
    peer_burst: float = 200_000.0
    peer_per_s: float = 50_000.0
    requester_burst: float = 20_000.0
    requester_per_s: float = 2_000.0
    guess_burst: float = 20.0
    guess_per_s: float = 1 / 600
    query_burst: float = 200.0
    query_per_s: float = 50.0


class ScheduleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[schedule]`: seconds between two runs of each job.

    `refresh_trust_s` is for when all is well. After a failure the trust list is looked for again
    after `retry_trust_s`, then twice that, and so on, but at least every `retry_trust_max_s`.
    """

    send_open_s: float = 2.0
    sign_head_s: float = 1.0
    end_share_codes_s: float = 60.0
    check_journal_s: float = 3600.0
    refresh_trust_s: float = 600.0
    retry_trust_s: float = 30.0
    retry_trust_max_s: float = 3600.0
    follow_peers_s: float = 15.0
    collect_cosignatures_s: float = 10.0
    look_back_s: float = 5.0


class WitnessSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[witness]`: how an old copy of the database is noticed.

    `high_water` is a file outside it; empty: none. `ask_at_start_s` is how long peers are waited
    for at the start.
    """

    high_water: str = "journal.high-water"
    ask_at_start_s: float = 3.0


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of one node."""

    node: NodeSettings
    listen: ListenSettings
    store: StoreSettings = StoreSettings()
    seals: SealSettings = SealSettings()
    trust: TrustSettings = TrustSettings()
    exchange: ExchangeSettings = ExchangeSettings()
    quota: QuotaSettings = QuotaSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    witness: WitnessSettings = WitnessSettings()


def load(data: Path) -> Settings:
    """Read the settings of the node in a data directory.

    Raises:
        Refusal: UNKNOWN where there is no node, MALFORMED with the key that is wrong.
    """
    path = data / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Refusal(
            Code.UNKNOWN, f"there is no node in {data}: {FILE_NAME} is missing; run 'symbolon init'"
        ) from None
    try:
        settings = msgspec.toml.decode(content, type=Settings)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Refusal(Code.MALFORMED, f"{path}: {error}") from None
    for section in (settings.exchange, settings.quota, settings.schedule):
        for name in section.__struct_fields__:
            if not getattr(section, name) > 0:
                raise Refusal(Code.MALFORMED, f"{path}: {name} must be more than 0")
    if not settings.witness.ask_at_start_s > 0:
        raise Refusal(Code.MALFORMED, f"{path}: witness.ask_at_start_s must be more than 0")
    if not settings.trust.mirror_timeout_s > 0:
        raise Refusal(Code.MALFORMED, f"{path}: trust.mirror_timeout_s must be more than 0")
    if not 0 < settings.exchange.answer_within_s <= 300:  # noqa: PLR2004 - the protocol's bound
        raise Refusal(Code.MALFORMED, f"{path}: exchange.answer_within_s must be 1 to 300")
    return settings
