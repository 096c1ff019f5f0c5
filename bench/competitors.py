# SPDX-License-Identifier: MIT
"""The programs compared: how each is started, asked for a torrent's file, and for a local one.

A player (`Ours`, `Webtorrent`, `Peerflix`) has `start(scratch)`, which gives a running one, to be
used with `with`; the running one has `process` and `url_of(magnet)` -> (port, path).
"""

import contextlib
import http.client
import json
import os
import pathlib
import select
import subprocess
import time
import urllib.parse

from harness import HERE, Failed, Process, free_port, wait_for_port

URL_TIMEOUT_S = 30


# ---- players in Node


class NodePlayer:
    def start(self, scratch):
        return RunningNode(self, pathlib.Path(scratch))


class Webtorrent(NodePlayer):
    name, program = "webtorrent", "webtorrent.mjs"


class Peerflix(NodePlayer):
    name, program = "peerflix", "peerflix.cjs"


class RunningNode:
    def __init__(self, kind, scratch):
        self._kind, self._scratch = kind, scratch

    def __enter__(self):
        data = self._scratch / "data"
        data.mkdir()
        self.process = Process(
            ["node", HERE / "peers" / self._kind.program, data], self._scratch / "log",
            self._kind.name, stop_s=3, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=HERE, env={**os.environ, "NODE_ENV": "production"})
        return self

    def __exit__(self, *_):
        self.process.stop()

    def settle(self):
        """The modules are loaded by the time the caller goes on; nothing to ask."""
        time.sleep(1.5)

    def url_of(self, magnet):
        self.process.stdin.write(magnet.encode() + b"\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], URL_TIMEOUT_S)[0]:
            raise Failed(f"no URL after {URL_TIMEOUT_S} s: {self.process.last_words()}")
        line = self.process.stdout.readline().decode().strip()
        if not line:
            raise Failed(f"ended: {self.process.last_words()}")
        url = urllib.parse.urlsplit(line)
        return url.port, url.path


# ---- ours


class Ours:
    name = "sharestream"

    def __init__(self, programs, http_settings=None):
        self._programs, self._http = pathlib.Path(programs), http_settings or {}

    def start(self, scratch):
        return RunningOurs(self._programs, pathlib.Path(scratch), self._http)


class RunningOurs:
    """The whole system as people run it: sharestreamd and what it starts."""

    def __init__(self, programs, scratch, http_settings):
        self._programs, self._scratch, self._http = programs, scratch, http_settings

    def __enter__(self):
        self.port, peer_port = free_port(), free_port()
        settings = {"listen": f"127.0.0.1:{self.port}", **self._http}
        config = self._scratch / "config.yaml"
        config.write_text(
            f"common:\n  data_dir: {self._scratch}/data\n"
            f"  run_dir: {self._scratch}/run\n"
            "torrent:\n"
            f"  listen: 127.0.0.1:{peer_port}\n"
            "  dht: false\n  lsd: false\n  upnp: false\n"
            "http:\n" + "".join(f"  {name}: {value}\n" for name, value in settings.items()))
        self.process = Process([self._programs / "sharestreamd", "--config", config],
                               self._scratch / "log", "sharestreamd")
        return self

    def __exit__(self, *_):
        self.process.stop()

    def url_of(self, magnet):
        """No question needed: the link itself is the path. Only waits until somebody listens."""
        wait_for_port(self.port, self.process)
        return self.port, f"/stream/{urllib.parse.quote(magnet, safe='')}/0"

    def settle(self):
        """Waits until both services work."""
        wait_for_port(self.port, self.process)
        deadline = time.monotonic() + 10
        while self.get("/health/ready")[0] != 200:
            if time.monotonic() > deadline:
                raise Failed(f"not ready: {self.process.last_words()}")
            time.sleep(0.02)

    def get(self, path, method="GET", body=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, 30)) as connection:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            return reply.status, reply.read()


# ---- nginx, for files that are there


class Nginx:
    name = "nginx"

    def start(self, scratch, folder):
        return RunningNginx(pathlib.Path(scratch), pathlib.Path(folder))


class RunningNginx:
    def __init__(self, scratch, folder):
        self._scratch, self._folder = scratch, folder

    def __enter__(self):
        self.port = free_port()
        config = self._scratch / "nginx.conf"
        config.write_text(f"""
daemon off; master_process off; worker_processes 1; pid {self._scratch}/pid;
error_log {self._scratch}/log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  types {{ video/mp4 mp4; }} default_type text/plain;
  open_file_cache max=16 inactive=600s; open_file_cache_valid 600s;
  client_body_temp_path {self._scratch}/body; proxy_temp_path {self._scratch}/proxy;
  fastcgi_temp_path {self._scratch}/fastcgi; uwsgi_temp_path {self._scratch}/uwsgi;
  scgi_temp_path {self._scratch}/scgi;
  server {{ listen 127.0.0.1:{self.port}; root {self._folder}; }}
}}
""")
        self.process = Process(["nginx", "-e", self._scratch / "log", "-c", config],
                               self._scratch / "log", "nginx")
        wait_for_port(self.port, self.process)
        return self

    def __exit__(self, *_):
        self.process.stop()
