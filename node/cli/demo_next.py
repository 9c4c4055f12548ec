"""What to try next with the demo's nodes: lines that work as they are pasted into a shell."""

import shlex

from node.cli.demo_employers import question
from node.cli.demo_lines import Suggestion, program, quoted, suggestion
from node.cli.demo_story import RECEIPT, WELDER, Stage


async def suggestions(stage: Stage) -> list[Suggestion]:
    """Make a fresh share code, and return what can be done with it and with the nodes.

    API keys are in files that only their owner can read, so that they stand in no process list.
    """
    code, born = await stage.share(WELDER)
    asked = question(code, born)
    employer, directory = stage.employers["XC"], stage.federation.directory
    stage.question_file.write_text(f"{asked}\n")
    home, away = stage.node("XC"), stage.node("XA")
    curl = ("curl -sS -w '\\n'", f"-H @{quoted(employer.header_file)}")
    root = f"--root {quoted(stage.federation.root)}"
    suggested = [
        suggestion(
            f"Ask Cassara's node about the welder, as {employer.name}",
            *(*curl, "-H 'Content-Type: application/json'", f"-d {shlex.quote(asked)}"),
            f"{home.url}/v1/verifications",
        ),
        suggestion("Is the node well?", "curl -sS -w '\\n'", f"{home.url}/health/ready"),
        suggestion("Its figures, for Prometheus", "curl -sS", f"{home.url}/metrics"),
        suggestion("The signed head of a journal", "curl -sS", f"{away.url}/journal/checkpoint"),
        suggestion("The API's description", "curl -sS -w '\\n'", f"{home.url}/openapi.json"),
    ]
    if stage.receipt_path:
        receipt_url = f"{home.url}{stage.receipt_path}"
        suggested.insert(1, suggestion("Fetch the welder's receipt", *curl, receipt_url))
    symbolon = program()
    return [
        *suggested,
        suggestion(
            "The same question on the command line",
            *(symbolon, "ask", f"--node-url {home.url}", f"--key-file {quoted(employer.key_file)}"),
            f"--request {quoted(stage.question_file)}",
        ),
        suggestion(
            "Check a receipt offline",
            *(symbolon, "receipt verify", quoted(directory / RECEIPT), root),
        ),
        suggestion(
            "See the credential at home",
            *(symbolon, f"--data {quoted(away.data)}", "registry show", WELDER),
        ),
        suggestion(
            "Be the holder",
            *(symbolon, f"--data {quoted(away.data)}", "share create", WELDER),
            *("--purpose employment", "--uses 3"),
        ),
        suggestion(
            "Look into a journal",
            *(symbolon, f"--data {quoted(home.data)}", "journal show", "--limit 10"),
        ),
        suggestion(
            "Be the auditor",
            *(symbolon, "audit replay"),
            *(quoted(node.data) for node in stage.federation.nodes.values()),
            root,
        ),
    ]
