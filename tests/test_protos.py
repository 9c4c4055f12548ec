"""The protocol files, the code generated from them, and what older nodes may rely on."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_GENERATED = "node/wire/_pb"


def _run(*command: str | Path) -> None:
    """Run a tool at the top of the repository; what it prints is why the test fails."""
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def buf() -> str:
    """Find the buf of this very environment."""
    found = shutil.which("buf", path=sysconfig.get_path("scripts"))
    assert found, "buf is not installed here: make test installs it"
    return found


def test_generated_code_is_up_to_date_with_the_protocol(tmp_path: Path) -> None:
    # The same call as `make proto`, with another place to write to.
    _run(
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{_GENERATED}=protos/symbolon/v1",
        f"--python_out={tmp_path}",
        f"--pyi_out={tmp_path}",
        f"--grpc_python_out={tmp_path}",
        f"{_GENERATED}/node.proto",
    )
    fresh = {path.name: path.read_bytes() for path in (tmp_path / _GENERATED).iterdir()}
    kept = {path.name: path.read_bytes() for path in (_ROOT / _GENERATED).glob("node_*")}
    assert fresh == kept, "run make proto"


def test_every_protocol_file_is_among_those_generated() -> None:
    written = {path.relative_to(_ROOT).as_posix() for path in (_ROOT / "protos").rglob("*.proto")}
    assert written == {"protos/symbolon/v1/node.proto"}


def test_protocol_files_follow_the_lint_rules(buf: str) -> None:
    _run(buf, "lint", "protos")


def test_protocol_files_are_formatted_as_buf_does(buf: str) -> None:
    _run(buf, "format", "--diff", "--exit-code", "protos")


def test_protocol_breaks_no_node_that_speaks_the_baseline(buf: str) -> None:
    _run(buf, "breaking", "protos", "--against", "protos/image.binpb")
