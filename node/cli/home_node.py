"""The home node's HTTP API as the command line calls it: no redirects, no proxies, bounded."""

import json
from typing import Any, Final
from urllib.parse import urlsplit

from node.errors import Code, Refusal

_TIMEOUT_S: Final = 60.0  # the node itself gives up on a silent peer long before
_RESPONSE_SIZE_MAX_BYTES: Final = 16 << 20
_PROBLEM_PREFIX: Final = "urn:symbolon:refusal:"
_NO_SUCH_REFUSAL: Final = "--node-url: what answered there is no Symbolon node"


class HomeNode:
    """One node's HTTP door, entered with one API key."""

    def __init__(self, url: str, key: str) -> None:
        """Take the node's address, like http://127.0.0.1:7472, and the key.

        Raises:
            Refusal: MALFORMED where the address is none.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1:
            raise Refusal(
                Code.MALFORMED, "--node-url: must be an address like http://127.0.0.1:7472"
            )
        if not key.isascii() or not key.isprintable() or not key:
            raise Refusal(Code.MALFORMED, "--key-file: holds no API key")
        self._tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port
        self._path = parts.path.rstrip("/")
        self._key = key

    @property
    def is_exposed(self) -> bool:
        """Whether key and birth dates travel to another machine without TLS."""
        local = self._host in {"localhost", "::1"} or self._host.startswith("127.")
        return not self._tls and not local

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Ask; returns the verification.

        Raises:
            Refusal: as the node refused, or PEER_SILENT where it cannot be reached.
        """
        body = json.dumps(question, ensure_ascii=False).encode()
        return self._object(self._call("POST", "/v1/verifications", body))

    def verification(self, verification_id: str) -> dict[str, Any]:
        """Return a verification by its id; refuses as `ask` does."""
        return self._object(self._call("GET", f"/v1/verifications/{verification_id}"))

    def receipt(self, verification_id: str) -> bytes:
        """Return the receipt of an answered verification; refuses as `ask` does."""
        return self._call("GET", f"/v1/verifications/{verification_id}/receipt")

    def read(self, path: str) -> dict[str, Any]:
        """Return what is at a path; refuses as `ask` does."""
        return self._object(self._call("GET", path))

    def take(self, path: str) -> bytes:
        """Return the file at a path; refuses as `ask` does."""
        return self._call("GET", path)

    def send(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send something to a path, and return what comes back; refuses as `ask` does."""
        return self._object(self._call("POST", path, json.dumps(body, ensure_ascii=False).encode()))

    def end(self, path: str) -> None:
        """Delete what is at a path; refuses as `ask` does."""
        self._call("DELETE", path)

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        kind = HTTPSConnection if self._tls else HTTPConnection
        connection = kind(self._host, self._port, timeout=_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, self._path + path, body, headers)
            response = connection.getresponse()
            content = response.read(_RESPONSE_SIZE_MAX_BYTES + 1)
        except TimeoutError:
            raise Refusal(
                Code.PEER_SILENT, f"--node-url: no answer within {_TIMEOUT_S:.0f} seconds"
            ) from None
        except HTTPException:
            raise Refusal(Code.PEER_FALSE, _NO_SUCH_REFUSAL) from None
        except OSError as error:
            raise Refusal(
                Code.PEER_SILENT,
                f"--node-url: nobody answers there ({error.strerror or error}); is the node "
                "running ('symbolon serve')?",
            ) from None
        finally:
            connection.close()
        if len(content) > _RESPONSE_SIZE_MAX_BYTES:
            raise Refusal(Code.PEER_FALSE, _NO_SUCH_REFUSAL)
        if response.status not in {200, 201, 202, 204}:
            raise self._refusal(content, response.headers.get("Retry-After", ""))
        return content

    def _refusal(self, content: bytes, retry_after: str) -> Refusal:
        problem = self._object(content)
        code = str(problem.get("type", "")).removeprefix(_PROBLEM_PREFIX)
        if code not in set(Code):
            return Refusal(Code.PEER_FALSE, _NO_SUCH_REFUSAL)
        return Refusal(
            Code(code),
            str(problem.get("detail", "")),
            float(retry_after) if retry_after.isdigit() else None,
        )

    def _object(self, content: bytes) -> dict[str, Any]:
        try:
            found = json.loads(content)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Refusal(Code.PEER_FALSE, _NO_SUCH_REFUSAL)
        return found
