"""The readable sources of a federation, on disk: what is staged is made from them."""

from pathlib import Path

from node.model.trust_files import FEDERATION_FILE
from node.store.publication import replace_content

_FOLDERS = ("nodes", "issuers", "agreements")


class Sources:
    """A directory with the federation's own files, and each country's under its letters."""

    def __init__(self, directory: Path) -> None:
        """Take the directory; nothing is read yet."""
        self._directory = directory

    def exist(self) -> bool:
        """Tell whether this is the directory of a federation."""
        return (self._directory / FEDERATION_FILE).is_file()

    def of_federation(self) -> dict[str, bytes]:
        """Return what the federation itself signs, by path."""
        return {path.name: path.read_bytes() for path in sorted(self._directory.glob("*.json"))}

    def of_country(self, country: str) -> dict[str, bytes]:
        """Return what a country signs, by path."""
        return {
            path.relative_to(self._directory).as_posix(): path.read_bytes()
            for folder in _FOLDERS
            for path in sorted((self._directory / folder / country).glob("*.json"))
        }

    def read(self, path: str) -> bytes | None:
        """Return a file, None where there is none."""
        place = self._directory / path
        return place.read_bytes() if place.is_file() else None

    def write(self, path: str, content: bytes) -> None:
        """Put a file in its place."""
        place = self._directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_content(place, content)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        (self._directory / path).unlink(missing_ok=True)
