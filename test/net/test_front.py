# SPDX-License-Identifier: Apache-2.0
"""Request smuggling, seen from behind a real nginx: whatever a client sends to the front, net/server
must see exactly as many requests as the front has sent, and the front must recognise each answer.
"""
import contextlib
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

from test_http import FRAMING, HEALTH, POST, running

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")

CONFIGURATION = """
worker_processes 1; daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log crit;
events {{ worker_connections 1000; }}
http {{
  log_format upstream '$upstream_addr';
  access_log {dir}/access.log upstream;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  upstream echo {{ server 127.0.0.1:{upstream}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port}; large_client_header_buffers 8 128k; client_header_timeout 1s; client_body_timeout 1s;
    location / {{
      proxy_pass http://echo; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off;
      proxy_request_buffering off; proxy_ignore_client_abort on;
    }}
  }}
}}
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def say(port, data):
    """Sends it and reads what comes back until silence."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        sock.settimeout(3)
        answer = b""
        with contextlib.suppress(OSError):
            while part := sock.recv(65536):
                answer += part
        return answer


@contextlib.contextmanager
def front(server, directory):
    port = free_port()
    configuration = directory / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(dir=directory, port=port, upstream=server.port))
    process = subprocess.Popen([NGINX, "-c", configuration, "-p", directory], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 5
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.skipif(not NGINX, reason="no nginx here")
def test_the_server_sees_the_requests_that_the_front_sent(tmp_path):
    with running() as server, front(server, tmp_path) as port:
        for name, data, _ in FRAMING:
            say(port, data)
            # A poisoned connection between the two would answer this one with something else.
            marker = POST + b"Content-Length: 7\r\nConnection: close\r\n\r\n{12345}"
            assert say(port, marker).endswith(b'{"bytes":7}'), name
        assert say(port, HEALTH).count(b"HTTP/1.1 200") == 1
        lines = pathlib.Path(tmp_path / "access.log").read_text().split("\n")[:-1]
        sent = sum(line != "-" for line in lines)
        assert sent > len(FRAMING)
        stats = server.stats()
        assert stats["heads"] + stats["refusals"] - stats["refused_bodies"] == sent
