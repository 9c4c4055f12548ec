"""What a composed node is made of, before and after its doors are open."""

from msgspec import Struct

from node.edge.rpc import Peering
from node.flows.answer import Answering
from node.flows.ask import Asking
from node.flows.casework import Casework
from node.flows.erasing import ErasureFlows
from node.flows.holder import HolderFlows
from node.flows.look import Looking
from node.flows.look_back import LookBack
from node.flows.refresh_trust import TrustRefresh
from node.flows.registry import Registry
from node.flows.share import Sharing
from node.settings import Settings
from node.store.employers import SqlEmployers
from node.store.import_files import FileImports
from node.store.keys import KeyFiles
from node.store.labels import SqlLabels
from node.store.ledger import SqlLedger
from node.store.reading import JournalReader
from node.store.tiles import SqlTiles
from node.store.trust_archive import TrustArchive
from node.store.trust_files import TrustDirectory


class OpenedNode(Struct, frozen=True):
    """A node's store and the flows that need no peer."""

    settings: Settings
    keys: KeyFiles
    ledger: SqlLedger
    tiles: SqlTiles
    reader: JournalReader
    employers: SqlEmployers
    trust: TrustDirectory
    archive: TrustArchive
    registry: Registry
    imports: FileImports
    sharing: Sharing
    looking: Looking
    labels: SqlLabels
    erasure: ErasureFlows
    casework: Casework
    holding: HolderFlows


class RunningNode(Struct, frozen=True):
    """A node with its doors open, and where they are."""

    opened: OpenedNode
    asking: Asking
    answering: Answering
    grpc_port: int
    http_port: int
    refreshing: TrustRefresh
    peering: Peering
    look_back: LookBack
