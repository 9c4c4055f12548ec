"""What a node does by itself, and how often."""

from pathlib import Path

from node.assembly.opened import OpenedNode
from node.edge.rpc import Peering
from node.edge.schedule import Job
from node.flows.ask import Asking
from node.flows.look_back import LookBack
from node.flows.ports import Clock
from node.flows.post_notices import Posting
from node.flows.refresh_trust import TrustRefresh
from node.model.roles import Role
from node.model.statement import Person
from node.store.import_directory import ImportDirectory
from node.store.import_files import ImportOrder


def jobs_of(  # noqa: PLR0913 - every part by name
    opened: OpenedNode,
    *,
    asking: Asking,
    refreshing: TrustRefresh,
    peering: Peering,
    look_back: LookBack,
    posting: Posting,
) -> list[Job]:
    """Return what a node does by itself, each with its period."""
    every = opened.settings.schedule
    # Whether it is time is the flow's to say; these are its looks at the clock.
    look_s = min(every.refresh_trust_s / 10, every.retry_trust_s / 2)
    return [
        Job("send_open", every.send_open_s, asking.send_open),
        Job("sign_head", every.sign_head_s, opened.ledger.sign_head),
        Job("end_share_codes", every.end_share_codes_s, opened.holding.end_lapsed),
        Job("follow_accesses", every.follow_accesses_s, opened.ledger.holders.follow),
        Job("check_journal", every.check_journal_s, opened.ledger.check),
        Job("refresh_trust", look_s, refreshing.refresh_if_due),
        Job("follow_peers", every.follow_peers_s, peering.witnessing.follow),
        Job("collect_cosignatures", every.collect_cosignatures_s, peering.cosigned.collect),
        Job("look_back", every.look_back_s, look_back.again),
        Job("send_erasures", every.send_erasures_s, peering.requesting.send_open),
        Job("apply_retention", every.apply_retention_s, opened.erasure.retaining.apply),
        Job("carry_cases", every.carry_cases_s, peering.cases.carry),
        Job("say_notices", every.say_notices_s, peering.notifying.tell),
        Job("follow_watched", every.follow_watched_s, peering.following.tend),
        Job("post_notices", every.post_notices_s, posting.post),
        Job("look_at_cases", every.look_at_case_clocks_s, opened.casework.look_at_clocks),
    ]


def watching(data: Path, opened: OpenedNode, clock: Clock) -> list[Job]:
    """Return the job that takes record files from a directory, where the settings name one."""
    said = opened.settings.imports
    if not said.directory:
        return []
    watched = ImportDirectory(
        opened.imports,
        data / said.directory,
        ImportOrder(
            Person(said.user, Role.OPERATOR.value), keep_good=said.keep_good, reason=said.reason
        ),
        clock,
        unchanged_us=int(said.unchanged_s * 1_000_000),
        mapping=data / said.mapping if said.mapping else None,
    )
    return [Job("import_files", opened.settings.schedule.import_files_s, watched.look)]
