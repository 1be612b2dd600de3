"""Where a cluster is to be found, checked before anything is started.

Ray itself tries for minutes to reach an address where nobody listens, and then ends the process.
"""

import importlib.util
import os
import re
import socket

from quant_triage.data import UsageError

_SECONDS = 5.0
_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS
_TYPE = 3  # place of the type in a frame's head; that of SETTINGS is 4 (RFC 9113, 4.1 and 6.5)
_AUTO = "auto"
_WAY_OUT = "give the HOST:PORT that 'ray start --head' printed, or 'auto' on a node of the cluster"


def check_address(address: str) -> None:
    """Make sure that Ray is installed and that a cluster may be at ``address``.

    Args:
        address: ``HOST:PORT`` of the cluster's head, or ``auto`` for the one that this machine is a node of.

    Raises:
        UsageError: It is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError(f"--cluster {address!r} needs Ray: pip install 'quant-triage[cluster]'")
    if address.startswith("ray://"):
        raise UsageError(
            f"--cluster {address!r}: Ray's client cannot carry replies as they come; run on a node of the"
            " cluster (or by 'ray job submit') and give 'auto'"
        )
    if address == _AUTO:
        return
    found = re.fullmatch(r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})", address)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise UsageError(f"--cluster {address!r} is no address: {_WAY_OUT}")
    _reach(address, found["host"].strip("[]"), int(found["port"]))


def _reach(address: str, host: str, port: int) -> None:
    encrypted = os.environ.get("RAY_USE_TLS", "0") not in {"", "0"}
    try:
        with socket.create_connection((host, port), timeout=_SECONDS) as connection:
            if encrypted:
                return
            connection.sendall(_PREFACE)
            head = connection.recv(len(_SETTINGS), socket.MSG_WAITALL)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"--cluster {address!r}: nobody answers there ({why}): {_WAY_OUT}") from error
    if len(head) < len(_SETTINGS) or head[_TYPE] != _SETTINGS[_TYPE]:
        raise UsageError(f"--cluster {address!r}: what answers there is no Ray cluster: {_WAY_OUT}")


def stay_quiet() -> None:
    """Switch off what Ray sends to its makers; must be called before Ray is imported."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
