"""Celery's settings for the Redis that `REDIS_URL` names."""

from typing import Any, Final
from urllib.parse import quote

from worker.store.address import TLS_FILES, parse_address, sentinels_of

SOCKET_TIMEOUT: Final = 10.0
CONNECT_TIMEOUT: Final = 5.0


def broker_conf(url: str) -> dict[str, Any]:
    """Celery's settings for the Redis server at `url`; kombu has its own form for sockets and sentinels."""
    address = parse_address(url)
    login = f"{quote(address.user or '', safe='')}:{quote(address.password or '', safe='')}@"
    login = login if len(login) > len(":@") else ""
    conf: dict[str, Any] = {
        "broker_transport_options": {
            # Messages are removed when taken: a sweep sends a lost one again, and kombu would put forged
            # entries of `unacked` into the queues.
            "ack_emulation": False,
            "priority_steps": [0],
            "socket_timeout": SOCKET_TIMEOUT,
            "socket_connect_timeout": CONNECT_TIMEOUT,
            "socket_keepalive": address.scheme != "unix",
        }
    }
    if address.scheme == "unix":
        return conf | {"broker_url": f"redis+socket://{login}{quote(address.path)}?virtual_host={address.db}"}
    if address.scheme == "sentinel":
        conf["broker_transport_options"]["master_name"] = address.options["master"]
        urls = [
            f"sentinel://{login}{_bracketed(host)}:{port}/{address.db}"
            for host, port in sentinels_of(address)
        ]
        return conf | {"broker_url": ";".join(urls)}
    ((host, port),) = address.hosts
    where = f"{login}{_bracketed(host)}" + (f":{port}" if port else "")
    conf["broker_url"] = f"{address.scheme}://{where}/{address.db}"
    if address.scheme == "rediss":
        files = {name: address.options[name] for name in TLS_FILES if name in address.options}
        # By default kombu connects without verification.
        conf["broker_use_ssl"] = {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **files}
    return conf


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
