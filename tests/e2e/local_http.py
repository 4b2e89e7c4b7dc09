"""What the end-to-end tests need to reach servers on this machine."""

from __future__ import annotations

import socket
import urllib.request

# A proxy in the environment must not see requests to this machine.
http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
