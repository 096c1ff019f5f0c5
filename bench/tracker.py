# SPDX-License-Identifier: MIT
"""A tracker that tells everybody the same peers, whatever the torrent.

    python3 tracker.py PORT ADDRESS:PORT...

It stands in for a real one so that all competitors learn of the same seeders at the same moment,
and none of another competitor that has gone.
"""

import socket
import socketserver
import struct
import sys

peers = b"".join(
    socket.inet_aton(host) + struct.pack(">H", int(port))
    for host, port in (peer.split(":") for peer in sys.argv[2:])
)
BODY = b"d8:completei%de8:intervali1800e5:peers%d:%se" % (len(peers) // 6, len(peers), peers)
REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s" % (len(BODY), BODY)
)


class Announce(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(5)
        request = b""
        while b"\r\n\r\n" not in request:
            data = self.request.recv(65536)
            if not data:
                return
            request += data
        self.request.sendall(REPLY)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


Server(("127.0.0.1", int(sys.argv[1])), Announce).serve_forever()
