"""A token server for a registry: what a client gets with its name and password, the registry lets in."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.testbed.certificates import Authority

_NAME = "testbed"


class TokenServer:
    """Speaks the token protocol of the distribution registry over plain http.

    Args:
        accounts: passwords by name; each may pull and push everything, and nobody else anything.
        address: where it listens.
        lifetime: of a token, in seconds.

    Attributes:
        given: the scopes of the tokens given, oldest first.
    """

    def __init__(self, accounts: Mapping[str, str], *, address: str = "127.0.0.1", lifetime: int = 300) -> None:
        self._accounts, self._address, self._lifetime = dict(accounts), address, lifetime
        self._authority = Authority("tokens")
        self._signer = self._authority.client("token-signer")
        self.given: list[str] = []

    def __enter__(self) -> Self:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answer(self.path, self.headers.get("Authorization", ""))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                self.send_error(404)  # clients then fall back to GET

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing: headers hold passwords."""

        self._server = ThreadingHTTPServer((self._address, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="token-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def realm(self) -> str:
        """Where a client asks for a token."""
        return f"http://{self._address}:{self._server.server_address[1]}/token"

    def settings(self, folder: Path) -> dict[str, str]:
        """What the registry is told, with files in its folder."""
        bundle = folder / "tokens.crt"
        bundle.write_bytes(self._authority.pair.certificate)
        return {"realm": self.realm, "service": _NAME, "issuer": _NAME, "rootcertbundle": str(bundle)}

    def _answer(self, path: str, authorization: str) -> tuple[int, dict[str, Any]]:
        user = self._user(authorization)
        if user is None:
            return 401, {"details": "unknown name or password"}
        scopes = parse_qs(urlsplit(path).query).get("scope", [])
        self.given += scopes
        return 200, {"token": self._token(user, scopes), "expires_in": self._lifetime}

    def _user(self, authorization: str) -> str | None:
        """The name that Basic credentials prove; empty for nobody in particular."""
        if not authorization:
            return ""
        try:
            name, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name if secrets.compare_digest(self._accounts.get(name, ""), password) and password else None

    def _token(self, user: str, scopes: list[str]) -> str:
        now = int(time.time())
        claims = {
            "iss": _NAME,
            "sub": user,
            "aud": _NAME,
            "iat": now,
            "nbf": now - 10,
            "exp": now + self._lifetime,
            "jti": secrets.token_hex(8),
            "access": [_access(scope) for scope in scopes if user],
        }
        chain = x509.load_pem_x509_certificate(self._signer.certificate)
        der = base64.b64encode(chain.public_bytes(serialization.Encoding.DER)).decode()
        signed = f"{_json64({'typ': 'JWT', 'alg': 'ES256', 'x5c': [der]})}.{_json64(claims)}"
        key = serialization.load_pem_private_key(self._signer.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _access(scope: str) -> dict[str, Any]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _json64(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
