"""The service account of a pod: who it is to its cluster's API server, and where that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from i4q_ai.errors import NotFoundError, UnreachableError

FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_HOST, _PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"


@dataclass(frozen=True)
class Account:
    """A service account.

    Args:
        server: URL of the API server.
        folder: that holds `token` and `ca.crt`.
    """

    server: str
    folder: Path = FOLDER

    @classmethod
    def here(cls, variables: Mapping[str, str], folder: Path = FOLDER) -> Account:
        """The account of the pod that this runs in.

        Args:
            variables: the environment, which says where the API server is.
            folder: that a kubelet mounts into the pod.

        Raises:
            NotFoundError: this is no pod, or it has no account.

        Example:
            >>> Account.here({"KUBERNETES_SERVICE_HOST": "fd00::1"}, Path("/")).server
            'https://[fd00::1]:443'
        """
        host, port = variables.get(_HOST), variables.get(_PORT) or "443"
        if not host:
            raise NotFoundError(f"this is no pod of a cluster: {_HOST} is not set")
        if not folder.is_dir():
            hint = "automountServiceAccountToken: true, and a ServiceAccount"
            raise NotFoundError(f"the pod has no service account: {folder} is not there", hint=hint)
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", folder)

    @property
    def authority(self) -> Path:
        """The certificates that the API server is known by."""
        return self.folder / "ca.crt"

    def token(self) -> str:
        """The token as it is now: the kubelet replaces it before it runs out.

        Raises:
            UnreachableError: it cannot be read.
        """
        path = self.folder / "token"
        try:
            return path.read_text().strip()
        except OSError as error:
            raise UnreachableError(f"the token of the service account cannot be read: {error}") from error
