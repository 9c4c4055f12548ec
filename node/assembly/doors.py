"""What the HTTP door of a node opens to."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from node.assembly.opened import OpenedNode
from node.audit.paper import print_receipt
from node.audit.receipt import check_receipt
from node.edge.health import Health
from node.edge.rest import Doors
from node.edge.rpc import Peering
from node.edge.witness import WitnessDoor
from node.errors import Code, Refusal
from node.flows.answer import Answering
from node.flows.ask import Asking
from node.flows.past_trust import PastTrust
from node.flows.ports import Clock
from node.flows.post_notices import Posting
from node.flows.query_trust import QueryingTrust
from node.flows.refresh_trust import TrustRefresh
from node.model.quota import Allowance
from node.model.roles import Role, Roles
from node.settings import Settings
from node.store.own_keys import DocumentKeyFiles
from node.store.trust_files import read_root

if TYPE_CHECKING:
    from node.edge.documents import DocumentDoor
    from node.flows.documents import Documents


def _querying(opened: OpenedNode, clock: Clock) -> QueryingTrust:
    """Return what answers queries about the trust list."""
    quota = opened.settings.quota
    past = PastTrust(opened.archive, opened.trust)
    return QueryingTrust(opened.trust, past, clock, Allowance(quota.query_burst, quota.query_per_s))


def _printing(root: Path) -> Callable[[bytes], bytes]:
    """Return what prints a receipt once it has checked it against a root file."""
    return lambda receipt: print_receipt(receipt, check_receipt(receipt, read_root(root)))


def documents_of(data: Path, opened: OpenedNode, clock: Clock) -> "Documents":
    """Return what makes open documents of a node's credentials.

    Raises:
        Refusal: MALFORMED where the settings do not say who issues them, or what signs them is
            not installed.
    """
    settings = opened.settings
    if not settings.documents.url:
        raise Refusal(
            Code.MALFORMED,
            "documents.url: the settings must name the https address at which this node's HTTP "
            "door is reached, such as https://xa.example; it is the issuer's identity",
        )
    try:
        from node.flows.documents import Documents  # noqa: PLC0415 - for those who have the extra
    except ModuleNotFoundError:
        raise Refusal(Code.MALFORMED, "documents: install symbolon[documents]") from None
    return Documents(
        url=settings.documents.url,
        authority=settings.node.authority,
        ledger=opened.ledger,
        exported=opened.ledger.documents,
        keys=DocumentKeyFiles(data / settings.store.keys),
        looking=opened.looking,
        roles=roles_of(settings),
        clock=clock,
        randomness=os.urandom,
    )


def _document_door(data: Path, opened: OpenedNode, clock: Clock) -> "DocumentDoor | None":
    wanted = opened.settings.documents
    if not wanted.url:
        return None
    made = documents_of(data, opened, clock)
    from node.edge.documents import DocumentDoor  # noqa: PLC0415 - as above

    return DocumentDoor(made, url=wanted.url, api_keys=wanted.api_keys, vc_api=wanted.vc_api)


def _witness_door(settings: Settings, peering: Peering, clock: Clock) -> WitnessDoor | None:
    allowance = Allowance(settings.quota.query_burst, settings.quota.query_per_s)
    return WitnessDoor(peering.witnessing, clock, allowance) if settings.witness.over_http else None


def health_of(  # noqa: PLR0913, PLR0917 - every part
    opened: OpenedNode,
    peering: Peering,
    refreshing: TrustRefresh,
    ticking: Callable[[], bool],
    posting: Posting,
    clock: Clock,
) -> Health:
    """Return what tells how fit the node is."""
    return Health(
        journal=opened.ledger,
        head=opened.ledger.heads,
        witnessing=peering.witnessing,
        refreshing=refreshing,
        trust=opened.trust,
        ticking=ticking,
        clock=clock,
        posting=posting,
        case_limits=lambda: opened.casework.due,
    )


def doors_of(  # noqa: PLR0913 - every part by name
    data: Path,
    opened: OpenedNode,
    *,
    asking: Asking,
    answering: Answering,
    peering: Peering,
    health: Health,
    clock: Clock,
) -> Doors:
    """Return what the HTTP door opens to."""
    settings = opened.settings
    return Doors(
        node=settings.node.id,
        ask=asking.ask,
        asked=asking.tally,
        answered=answering.tally,
        ledger=opened.ledger,
        employers=opened.employers,
        trust=opened.trust,
        clock=clock,
        fitness=health.fitness,
        gauges=health.gauges,
        checkpoint=opened.ledger.checkpoint,
        upgraded=peering.cosigned.upgraded,
        queries=_querying(opened, clock),
        tile=opened.tiles.read,
        trust_age_us=health.trust_age_us,
        paper=_printing(data / settings.trust.root),
        witness=_witness_door(settings, peering, clock),
        holders=opened.holding.view,
        casework=opened.casework,
        following=peering.following,
        documents=_document_door(data, opened, clock),
    )


def roles_of(settings: Settings) -> Roles:
    """Return who has which role, as the settings say."""
    roles = settings.roles
    named = {Role.REGISTRAR: roles.registrar, Role.OFFICER: roles.officer}
    members = {role: frozenset(users) for role, users in named.items() if users}
    return Roles(roles.two_people_revoke, members)
