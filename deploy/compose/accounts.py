"""Gives Elasticsearch's users the passwords that `secrets` made, and the worker no more rights than it needs.

    python accounts.py URL DIR

DIR is the folder of `secrets`. To run it again changes nothing.
"""

import base64
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 120.0  # seconds, for Elasticsearch to make its index of users
PAUSE = 1.0

ROLE = {
    "cluster": ["monitor"],
    "indices": [
        {
            "names": ["logs-cilium_tetragon.log-*"],
            # The last three are for removing what a rollover has let in twice.
            "privileges": [
                "create_doc",
                "auto_configure",
                "monitor",
                "read",
                "view_index_metadata",
                "maintenance",
                "delete",
            ],
        }
    ],
}


class Account(NamedTuple):
    told: str
    method: str
    path: str
    body: dict[str, Any]


def accounts(worker_password: str, kibana_password: str) -> list[Account]:
    return [
        Account("role tetrastash", "PUT", "/_security/role/tetrastash", ROLE),
        Account(
            "user tetrastash",
            "PUT",
            "/_security/user/tetrastash",
            {"password": worker_password, "roles": ["tetrastash"], "full_name": "tetrastash work"},
        ),
        Account("user kibana_system", "POST", "/_security/user/kibana_system/_password", {"password": kibana_password}),
    ]


def main(url: str, folder: Path) -> None:
    passwords = {name: (folder / name / "password").read_text().strip() for name in ("elastic", "worker", "kibana")}
    trusted = ssl.create_default_context(cafile=str(folder / "elastic" / "ca.pem"))
    known = base64.b64encode(f"elastic:{passwords['elastic']}".encode()).decode()
    headers = {"Authorization": f"Basic {known}", "Content-Type": "application/json"}
    deadline = time.monotonic() + PATIENCE
    for account in accounts(passwords["worker"], passwords["kibana"]):
        body = json.dumps(account.body).encode()
        request = urllib.request.Request(url + account.path, body, headers, method=account.method)
        while refused := _refusal(request, trusted):
            reason, final = refused
            if final or time.monotonic() > deadline:
                sys.exit(f"accounts: {account.told} cannot be set at {url}: {reason}")
            time.sleep(PAUSE)
        sys.stdout.write(f"accounts: {account.told} is set\n")


def _refusal(request: urllib.request.Request, trusted: ssl.SSLContext) -> tuple[str, bool] | None:
    """The reason, and whether it will stay; None when it was done."""
    try:
        with urllib.request.urlopen(request, timeout=30, context=trusted):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read(2000).decode('utf-8', 'replace')}", error.code < 500 and error.code != 429
    except OSError as error:
        return str(error), isinstance(getattr(error, "reason", None), ssl.SSLError)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
