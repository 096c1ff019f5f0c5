# SPDX-License-Identifier: MIT
"""Plain libtorrent as a peer: libtorrent_peer.py ADDRESS:PORT TORRENT FOLDER. Seeds or fetches what
is in FOLDER until it is killed; finds others by the tracker of the torrent, and unless that is
private by peer exchange. Says what it does with trackers and whom it connects to."""

import sys
import time

import libtorrent

listen, torrent, folder = sys.argv[1:]
session = libtorrent.session({
    "listen_interfaces": listen, "enable_dht": False, "enable_lsd": False, "enable_upnp": False,
    "enable_natpmp": False, "allow_multiple_connections_per_ip": True,
    "alert_mask": libtorrent.alert.category_t.all_categories})
session.add_torrent({"ti": libtorrent.torrent_info(torrent), "save_path": folder})
while True:
    time.sleep(0.2)
    for alert in session.pop_alerts():
        if "tracker" in alert.what() or alert.what() in ("peer_connect", "peer_disconnected"):
            print(alert.message(), flush=True)
