"""Connections that hand files to the socket."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any

from i4q_ai.oci.uploads.bodies import Stretch


class SendsFiles(http.client.HTTPConnection):
    """What a connection needs to send a `Stretch` without reading it; with TLS, and through others, it is iterated."""

    def send(self, data: Any) -> None:
        """Send bytes, or what sends itself."""
        if (
            isinstance(data, Stretch)
            and isinstance(self.sock, socket.socket)
            and not isinstance(self.sock, ssl.SSLSocket)
        ):
            data.send_to(self.sock)
        elif isinstance(data, Stretch):
            for view in data:
                super().send(view)
        else:
            super().send(data)
