"""A fourth country joins the demo's federation while its nodes run: the lines to paste.

1. the country makes a node and a key for its officer
2. the federation, the country and its partner sign; the new list is published
3. the new node is served; the others take up the list with their next refresh
4. it is expelled again
"""

import shlex
from pathlib import Path
from typing import Final

from node.cli.demo_employers import REQUESTERS
from node.cli.demo_federation import LOOKS_OFTEN, Country, Federation, NationalNode, Samples
from node.cli.demo_lines import Suggestion, command, program, quoted

FOURTH: Final = Country("XD", "XD", "Delmara", "Registo Delmarense de Ofícios", ("pt",))
SERVE: Final = "Run Delmara's node, in a shell of its own"
ASK: Final = "Ask Aurelia about the welder from Delmara"


def fourth_node(federation: Federation) -> NationalNode:
    """Return the fourth country's node; nothing is made yet."""
    return NationalNode(FOURTH, federation.directory, *federation.spare_ports)


def admission(federation: Federation, samples: Samples, question: Path) -> list[Suggestion]:
    """Return how a fourth country is admitted and expelled; `question` holds one about XA."""
    lines = _Lines(federation, samples)
    return [
        Suggestion(what, "\n".join(commands))
        for what, commands in (
            (
                f"A fourth country, {FOURTH.name}: make its node, and a key for its officer",
                lines.make(),
            ),
            (
                f"Admit it: the federation, {FOURTH.name} and Aurelia sign, then publish",
                lines.admit(),
            ),
            (f"Bring in {FOURTH.name}'s registry, and give an employer there a key", lines.equip()),
            (SERVE, [f"{lines.node} serve"]),
            (ASK, [lines.ask(question)]),
            (
                "Expel it again: with their next refresh the others ask and answer it nothing",
                lines.expel(),
            ),
        )
    ]


class _Lines:
    """The commands of those who take part."""

    def __init__(self, federation: Federation, samples: Samples) -> None:
        self._federation = federation
        self._samples = samples.fourth
        self._fourth = fourth_node(federation)
        self._trust = f"{program()} trust"
        self._list = quoted(federation.trust)
        self._officer = self._key("xd-1")
        self._request = quoted(federation.directory / "xd.join.json")
        self._employer_key = quoted(self._fourth.data / "padaria.key")
        self.node = f"{program()} --data {quoted(self._fourth.data)}"

    def make(self) -> list[str]:
        """Make the node, its join request and the officer's key."""
        federation, fourth = self._federation, self._fourth
        often = shlex.quote(LOOKS_OFTEN.replace("\n", "\\n"))
        return [
            command(
                f"{self.node} init --node XD --authority {shlex.quote(FOURTH.authority)}",
                f"--root {quoted(federation.root)}",
                f"--mirror {quoted(federation.trust / 'published')}",
                f"--grpc {fourth.grpc} --http {fourth.http}",
            ),
            command(f"printf {often}", f">> {quoted(fourth.data / 'symbolon.toml')}"),
            command(f"{self.node} join", f"--out {self._request}"),
            command(f"{self._trust} new-key {self._officer}", "--no-passphrase"),
        ]

    def admit(self) -> list[str]:
        """Stage the admission and what both countries sign, have it signed, publish."""
        agreement, issuers, framework = (
            quoted(self._samples / name)
            for name in ("xa-xd.json", "issuers.json", "framework.json")
        )
        own = (self._request, agreement, issuers, framework)
        return [
            command(
                f"{self._trust} admit {self._list} XD",
                f"--country-key {self._officer}.pub --threshold 1",
            ),
            command(f"{self._trust} country {self._list} XD", *own),
            command(f"{self._trust} country {self._list} XA", agreement),
            *self._sign("targets", *self._federation.officers[:2]),
            *self._sign("country-XD", "xd-1"),
            *self._sign("country-XA", *self._federation.signers["XA"]),
            self._publish(),
        ]

    def equip(self) -> list[str]:
        """Fetch the list, import the registry, make an employer's key."""
        employer = REQUESTERS["XD"]
        return [
            f"{self.node} trust refresh",
            command(f"{self.node} registry import", quoted(self._samples / "registry.csv")),
            command(
                f"{self.node} key create --name {shlex.quote(employer.legal_name)}",
                f"--register-id {employer.register_id} --sector {employer.sector}",
                f"--out {self._employer_key}",
            ),
        ]

    def ask(self, question: Path) -> str:
        """Ask at the new node."""
        return command(
            f"{program()} ask --node-url {self._fourth.url}",
            f"--key-file {self._employer_key}",
            f"--request {quoted(question)}",
        )

    def expel(self) -> list[str]:
        """Stage the expulsion, have it signed, publish."""
        signed = self._sign("targets", *self._federation.officers[1:])
        return [f"{self._trust} expel {self._list} XD", *signed, self._publish()]

    def _key(self, name: str) -> str:
        return quoted(self._federation.key(name))

    def _sign(self, role: str, *officers: str) -> list[str]:
        file = quoted(self._federation.trust / "staged" / f"{role}.json")
        return [
            command(f"{self._trust} sign {file}", f"--key {self._key(officer)} --yes")
            for officer in officers
        ]

    def _publish(self) -> str:
        return command(
            f"{self._trust} publish {self._list}",
            f"--snapshot-key {self._key('snapshot')}",
            f"--timestamp-key {self._key('timestamp')}",
        )
