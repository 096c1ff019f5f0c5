# SPDX-License-Identifier: MIT
"""The programs compared: how each is started, asked for a torrent's file, and for a local one.

A player (`Ours`, `Webtorrent`, `Peerflix`) has `start(scratch)`, which gives a running one, to be
used with `with`; the running one has `process` and `url_of(magnet)` -> (port, path).

A tracker (`Ours`, `Opentracker`, `BittorrentTracker`, `UdpFloor`) is started likewise; the running
one has `process` and `tracker_port`, by UDP and, all but the floor, by HTTP.

A server of rooms (`Ours`, `SocketIo`) likewise: `process`, and `port`, by Socket.IO.
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

    def __init__(self, programs, http_settings=None, tracker_settings=None,
                 transcode_settings=None, room_settings=None, torrent_settings=None,
                 supervisor_settings=None):
        self._programs = pathlib.Path(programs)
        self._settings = {"http": http_settings or {}, "tracker": tracker_settings or {},
                          "transcode": transcode_settings or {}, "room": room_settings or {},
                          "torrent": torrent_settings or {},
                          "supervisor": supervisor_settings or {}}

    def start(self, scratch):
        return RunningOurs(self._programs, pathlib.Path(scratch), self._settings)


class RunningOurs:
    """The whole system as people run it: sharestreamd and what it starts."""

    def __init__(self, programs, scratch, settings):
        self._programs, self._scratch, self._settings = programs, scratch, settings
        self.log = scratch / "log"

    def __enter__(self):
        self.port, peer_port, self.tracker_port = free_port(), free_port(), free_port()
        door = f"127.0.0.1:{self.tracker_port}"
        settings = {
            "torrent": {"listen": f"127.0.0.1:{peer_port}", "dht": "false", "lsd": "false",
                        "upnp": "false", **self._settings["torrent"]},
            "http": {"listen": f"127.0.0.1:{self.port}", "tracker_listen": door,
                     **self._settings["http"]},
            "tracker": {"listen": door, **self._settings["tracker"]},
            **{name: self._settings[name] for name in ("transcode", "room", "supervisor")}}
        config = self._scratch / "config.yaml"
        config.write_text(
            f"common:\n  data_dir: {self._scratch}/data\n"
            f"  run_dir: {self._scratch}/run\n"
            + "".join(_section(name, rows) for name, rows in settings.items() if rows))
        self.process = Process([self._programs / "sharestreamd", "--config", config],
                               self.log, "sharestreamd")
        return self

    def __exit__(self, *_):
        self.process.stop()

    def call(self, service, verb):
        """The reply of one of the services, by the command line."""
        said = subprocess.run([self._programs / "sharestream", "--config",
                               self._scratch / "config.yaml", "call", service, verb],
                              capture_output=True, text=True, timeout=20)
        if said.returncode != 0:
            raise Failed(said.stderr)
        return json.loads(said.stdout)

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

    def seed(self, path):
        """Its info-hash, when the file is there and hashed."""
        status, reply = self.get("/api/v1/seed", "POST", {"path": str(path)})
        if status >= 300:
            raise Failed(f"cannot seed: {status} {reply!r}")
        return self.wait_whole(path.name)

    def wait_whole(self, name):
        """Info-hash of the torrent of this name, as soon as all of it is there."""
        deadline = time.monotonic() + 60
        while True:
            torrents = json.loads(self.get("/api/v1/torrents")[1])["torrents"]
            mine = [t for t in torrents if t["name"] == name]
            if mine and mine[0]["progress"] >= 1:
                return mine[0]["infoHash"]
            if time.monotonic() > deadline:
                raise Failed(f"{name} is not whole: {torrents}")
            time.sleep(0.05)

    def get(self, path, method="GET", body=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, 30)) as connection:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            return reply.status, reply.read()


def _section(name, settings):
    return f"{name}:\n" + "".join(f"  {key}: {value}\n" for key, value in settings.items())


# ---- trackers


class Opentracker:
    """Debian's is built to track only the torrents of a list, which it opens inside its chroot;
    without it every announce is answered by an error, at full speed."""

    name = "opentracker"

    def __init__(self, hashes):
        self._hashes = hashes  # the list, as text

    def start(self, scratch):
        return RunningOpentracker(pathlib.Path(scratch), self._hashes)


class RunningOpentracker:
    def __init__(self, scratch, hashes):
        self._scratch, self._hashes = scratch, hashes

    def __enter__(self):
        self.tracker_port = free_port()
        root, config = self._scratch / "root", self._scratch / "opentracker.conf"
        root.mkdir()
        root.chmod(0o755)
        (root / "whitelist").write_text(self._hashes)
        # It gives up being root, to the user named, and does nothing about users otherwise.
        config.write_text("listen.udp.workers 1\n"
                          f"listen.tcp_udp 127.0.0.1:{self.tracker_port}\n"
                          "access.whitelist whitelist\n"
                          f"tracker.rootdir {root}\n"
                          "tracker.user nobody\n")
        self.process = Process(["opentracker", "-f", config], self._scratch / "log", "opentracker")
        wait_for_port(self.tracker_port, self.process)
        return self

    def __exit__(self, *_):
        self.process.stop()

    def settle(self):
        """It listens before it has read the list. Somebody unknown stops, which changes nothing."""
        last = self._hashes.split()[-1]
        target = (f"/announce?info_hash={urllib.parse.quote(bytes.fromhex(last))}&port=9&left=0"
                  f"&peer_id={'-' * 20}&event=stopped")
        deadline = time.monotonic() + 10
        said = b"failure"
        while b"failure" in said:
            if time.monotonic() > deadline:
                raise Failed(f"opentracker does not read its list: {said!r}")
            time.sleep(0.02)
            with contextlib.closing(
                    http.client.HTTPConnection("127.0.0.1", self.tracker_port, 5)) as connection:
                connection.request("GET", target)
                said = connection.getresponse().read()


class BittorrentTracker:
    name = "bittorrent-tracker"

    def start(self, scratch):
        return RunningBittorrentTracker(pathlib.Path(scratch))


class RunningBittorrentTracker:
    def __init__(self, scratch):
        self._scratch = scratch

    def __enter__(self):
        self.tracker_port = free_port()
        self.process = Process(
            ["node", HERE / "node_modules" / "bittorrent-tracker" / "bin" / "cmd.js", "--silent",
             "--port", self.tracker_port, "--http-hostname", "127.0.0.1", "--udp-hostname",
             "127.0.0.1", "--udp6-hostname", "::1"],
            self._scratch / "log", "bittorrent-tracker", stop_s=3, cwd=HERE,
            env={**os.environ, "NODE_ENV": "production"})
        wait_for_port(self.tracker_port, self.process)
        return self

    def __exit__(self, *_):
        self.process.stop()

    def settle(self):
        pass


class UdpFloor:
    """No tracker: what reading and sending the datagrams costs."""

    name = "floor"

    def __init__(self, programs):
        self._program = pathlib.Path(programs) / "bench_udp_floor"

    def start(self, scratch):
        return RunningUdpFloor(self._program, pathlib.Path(scratch))


class RunningUdpFloor:
    def __init__(self, program, scratch):
        self._program, self._scratch = program, scratch

    def __enter__(self):
        self.tracker_port = free_port()
        self.process = Process([self._program, self.tracker_port], self._scratch / "log", "floor")
        return self

    def __exit__(self, *_):
        self.process.stop()

    def settle(self):
        pass


# ---- rooms


class SocketIo:
    name = "socket.io"

    def start(self, scratch):
        return RunningSocketIo(pathlib.Path(scratch))


class RunningSocketIo:
    def __init__(self, scratch):
        self._scratch = scratch

    def __enter__(self):
        self.port = free_port()
        self.process = Process(
            ["node", HERE / "peers" / "socketio.cjs", self.port], self._scratch / "log",
            "socket.io", stop_s=3, cwd=HERE, env={**os.environ, "NODE_ENV": "production"})
        wait_for_port(self.port, self.process)
        return self

    def __exit__(self, *_):
        self.process.stop()

    def settle(self):
        pass


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
