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
_YEAR_DAYS: Final = 366
_PERIOD_MAX_DAYS: Final = 200 * _YEAR_DAYS
_REFERENCE_LENGTH_MAX: Final = 200


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
    """`[store]`: the database and the directory of key files.

    The database is a file in the data directory, or postgresql://user@host/database?passfile=FILE
    with whatever else libpq takes; a password never stands in it. `master` is where a new master
    key is made: in the directory of keys, or wrapped by a key in a token, as
    pkcs11:token=NAME;object=KEY?module-path=LIBRARY&pin-source=FILE (FILE: in that directory).
    """

    database: str = "node.db"
    keys: str = "keys"
    master: str = ""


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

    `guess_*` bound how often one share code may be tried in vain, whoever tries; `holder_*` how
    often a holder's token is used; `query_*` what one address may look up in the trust list.
    """

    key_burst: float = 20_000.0
    key_per_s: float = 2_000.0
    peer_burst: float = 200_000.0
    peer_per_s: float = 50_000.0
    requester_burst: float = 20_000.0
    requester_per_s: float = 2_000.0
    guess_burst: float = 20.0
    guess_per_s: float = 1 / 600
    holder_burst: float = 60.0
    holder_per_s: float = 1.0
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
    follow_accesses_s: float = 60.0
    check_journal_s: float = 3600.0
    refresh_trust_s: float = 600.0
    retry_trust_s: float = 30.0
    retry_trust_max_s: float = 3600.0
    follow_peers_s: float = 15.0
    collect_cosignatures_s: float = 10.0
    look_back_s: float = 5.0
    send_erasures_s: float = 30.0
    apply_retention_s: float = 3600.0
    carry_cases_s: float = 10.0
    look_at_case_clocks_s: float = 600.0
    import_files_s: float = 10.0
    say_notices_s: float = 0.5
    follow_watched_s: float = 1.0
    post_notices_s: float = 1.0


class RolesSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[roles]`: users of the operating system by role, and what takes two of them.

    A role that nobody is named for is everybody's who can run commands on the node's data.
    """

    two_people_revoke: bool = False
    registrar: tuple[str, ...] = ()
    officer: tuple[str, ...] = ()


class ImportSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[import]`: a directory that record files are taken from, where one is named.

    A file is complete when it has not changed for `unchanged_s`. `user` is who says so in the
    statements, in the role operator; `mapping` a TOML file; with `reason` rows may amend.
    """

    directory: str = ""
    mapping: str = ""
    reason: str = ""
    user: str = "symbolon"
    keep_good: bool = False
    unchanged_s: float = 10.0


class WebhookSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[webhooks]`: whether notices are posted anywhere, or by https to public addresses only."""

    anywhere: bool = False


class WitnessSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[witness]`: how an old copy of the database is noticed, and who may have heads cosigned.

    `high_water` is a file outside it; empty: none. `ask_at_start_s` is how long peers are waited
    for at the start. With `over_http` peers' heads are taken at the HTTP door too.
    """

    high_water: str = "journal.high-water"
    ask_at_start_s: float = 3.0
    over_http: bool = False


class DocumentSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[documents]`: open documents: who issues them, who may have them made over HTTP.

    `url` is the https address at which the HTTP door is reached, and thereby the issuer's DID
    (did:web); empty: no documents. `api_keys` are ids of the authority's own API keys. With
    `vc_api` they can also reach W3C VC-API, for conformance tests.
    """

    url: str = ""
    api_keys: tuple[str, ...] = ()
    vc_api: bool = False


class RetentionPeriod(Struct, frozen=True, forbid_unknown_fields=True):
    """`[retention.…]`: how long statements of one kind are kept, and what law says so.

    A year counts 366 days, so that nothing goes too early. With `duty` they are kept until then
    whoever asks for their erasure.
    """

    reference: str
    years: int = 0
    days: int = 0
    duty: bool = False


class RetentionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[retention]`: periods by kind of statement; a kind without one is kept."""

    query: RetentionPeriod | None = None
    answer: RetentionPeriod | None = None
    no_answer: RetentionPeriod | None = None
    conclusion: RetentionPeriod | None = None
    share_code: RetentionPeriod | None = None


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
    imports: ImportSettings = msgspec.field(name="import", default=ImportSettings())
    roles: RolesSettings = RolesSettings()
    retention: RetentionSettings = RetentionSettings()
    webhooks: WebhookSettings = WebhookSettings()
    documents: DocumentSettings = DocumentSettings()


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
    if not settings.imports.unchanged_s > 0:
        raise Refusal(Code.MALFORMED, f"{path}: import.unchanged_s must be more than 0")
    if not settings.trust.mirror_timeout_s > 0:
        raise Refusal(Code.MALFORMED, f"{path}: trust.mirror_timeout_s must be more than 0")
    if not 0 < settings.exchange.answer_within_s <= 300:  # noqa: PLR2004 - the protocol's bound
        raise Refusal(Code.MALFORMED, f"{path}: exchange.answer_within_s must be 1 to 300")
    _require_periods(settings.retention, path)
    return settings


def host_and_port(address: str, name: str) -> tuple[str, int]:
    """Return the parts of an address.

    Raises:
        Refusal: MALFORMED where it is none.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise Refusal(Code.MALFORMED, f"{name}: must be host:port")
    return host, int(port)


def _days(period: RetentionPeriod) -> int:
    return period.years * _YEAR_DAYS + period.days


def _require_periods(retention: RetentionSettings, path: Path) -> None:
    for name in retention.__struct_fields__:
        period: RetentionPeriod | None = getattr(retention, name)
        if period is None:
            continue
        if min(period.years, period.days) < 0 or not 0 < _days(period) <= _PERIOD_MAX_DAYS:
            raise Refusal(
                Code.MALFORMED,
                f"{path}: retention.{name}: must be 1 day to 200 years, as years and days",
            )
        if not 0 < len(period.reference) <= _REFERENCE_LENGTH_MAX:
            raise Refusal(
                Code.MALFORMED,
                f"{path}: retention.{name}.reference: must say what law or rule it is, in at most "
                f"{_REFERENCE_LENGTH_MAX} characters",
            )
    codes, answers = retention.share_code, retention.answer
    if codes is not None and (answers is None or _days(codes) < _days(answers)):
        # Whose answers these are is known by the share codes.
        raise Refusal(
            Code.MALFORMED,
            f"{path}: retention.share_code: must not be shorter than retention.answer",
        )
