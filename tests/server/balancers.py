"""Load balancers before several servers: nginx where it is installed, and a few lines of TCP."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.ports import free_port
from tests.support.processes import Process, wait_until

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")

_NGINX_CONFIG = """
daemon off;
pid {folder}/pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream servers {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://servers;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
        location /plain/ {{
            proxy_pass {first}/;
        }}
    }}
}}
"""


@contextmanager
def nginx(urls: Sequence[str], folder: Path) -> Iterator[str]:
    """nginx before the servers at `urls`; yields its URL.

    Below `/plain/` it passes requests to the first server, told nothing else.
    """
    if NGINX is None:
        pytest.skip("nginx is not installed")
    port = free_port()
    servers = "\n".join(
        f"server {url.removeprefix('http://')} max_fails=1 fail_timeout=1s;" for url in urls
    )
    config = folder / "nginx.conf"
    config.write_text(
        _NGINX_CONFIG.format(folder=folder, port=port, servers=servers, first=urls[0])
    )
    with Process([NGINX, "-p", folder, "-c", config]) as process:
        wait_until(lambda: process.popen.poll() is not None or answers(port), "nginx to listen")
        assert process.popen.poll() is None, process.stderr
        yield f"http://127.0.0.1:{port}"


@contextmanager
def tcp_balancer(urls: Sequence[str], folder: Path) -> Iterator[str]:
    """Hands each connection to the next server that takes it, and copies bytes both ways."""
    addresses = [url.removeprefix("http://").split(":") for url in urls]
    turns = itertools.count()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return  # closed: the test is over
                threading.Thread(target=serve, args=(client,), daemon=True).start()

        def serve(client: socket.socket) -> None:
            with client:
                first = next(turns)
                for n in range(len(addresses)):
                    host, port = addresses[(first + n) % len(addresses)]
                    try:
                        server = socket.create_connection((host, int(port)))
                    except OSError:
                        continue  # this one is down: the next
                    with server:
                        back = threading.Thread(target=copy, args=(server, client), daemon=True)
                        back.start()
                        copy(client, server)
                        back.join()
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def copy(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until either end goes, then let both know."""
    # A reset ends a connection as an orderly end does.
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):  # it may have gone already
            end.shutdown(socket.SHUT_RDWR)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
