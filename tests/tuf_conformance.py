"""The node's TUF client behind the command line that the public TUF conformance suite drives.

    python -m tests.tuf_conformance --metadata-dir D init TRUSTED_ROOT
    python -m tests.tuf_conformance --metadata-dir D --metadata-url U refresh
    python -m tests.tuf_conformance --metadata-dir D --metadata-url U --target-name N \
        --target-base-url B --target-dir T download

Exit code 0 where all went well and 1 otherwise. What runs is the client and the fetcher of
`node.peers`, set up as for every refresh.
"""

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater

from node.errors import Refusal
from node.peers.fetchers import Bounds, HttpFetcher
from node.peers.mirrors import make_updater

_TRUSTED = "trusted_root"  # no .json, so that nobody takes it for metadata in use


def main(arguments: list[str] | None = None) -> int:
    """Do one command."""
    asked = _parser().parse_args(arguments)
    metadata: Path = asked.metadata_dir
    try:
        if asked.command == "init":
            metadata.mkdir(parents=True, exist_ok=True)
            (metadata / _TRUSTED).write_bytes(asked.trusted_root.read_bytes())
            (metadata / "root.json").write_bytes(asked.trusted_root.read_bytes())
            return 0
        with Bounds(timeout_s=60, file_max_bytes=64 << 20, total_max_bytes=256 << 20) as bounds:
            updater = _updater(asked, bounds)
            updater.refresh()
            if asked.command == "download":
                _download(updater, asked.target_name)
    except (RepositoryError, DownloadError, Refusal, OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.tuf_conformance")
    parser.add_argument("--metadata-dir", type=Path, required=True)
    parser.add_argument("--metadata-url")
    parser.add_argument("--target-name")
    parser.add_argument("--target-base-url")
    parser.add_argument("--target-dir", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("trusted_root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    return parser


def _updater(asked: argparse.Namespace, bounds: Bounds) -> Updater:
    """Make the client: one fetcher, bound to the server; both addresses are paths there."""
    address = urlsplit(asked.metadata_url)
    places = [
        urlsplit(url or "").path.strip("/") for url in (address.geturl(), asked.target_base_url)
    ]
    return make_updater(
        asked.metadata_dir,
        asked.target_dir or asked.metadata_dir,
        (asked.metadata_dir / _TRUSTED).read_bytes(),
        HttpFetcher(f"{address.scheme}://{address.netloc}", bounds),
        (places[0], places[1]),
    )


def _download(updater: Updater, name: str) -> None:
    target = updater.get_targetinfo(name)
    if target is None:
        raise RepositoryError(f"no role lists {name}")
    if updater.find_cached_target(target) is None:
        updater.download_target(target)


if __name__ == "__main__":
    sys.exit(main())
