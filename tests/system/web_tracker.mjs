// SPDX-License-Identifier: MIT
//
// web_tracker: npm's WebSocket tracker as a program. node web_tracker.mjs PORT [TLS_PORT KEY CERTIFICATE]: with TLS at the second port
// as well, for the same swarms.
import Server from 'bittorrent-tracker/server';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const [port, tlsPort, key, certificate] = process.argv.slice(2);
const tracker = new Server({ udp: false, http: false, stats: false, interval: 150000, ws: { noServer: true } });
tracker.on('warning', () => {});
const fronts = [http.createServer().listen(port, '127.0.0.1')];
if (tlsPort) fronts.push(https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(certificate) }).listen(tlsPort, '127.0.0.1'));
for (const front of fronts)
  front.on('upgrade', (req, socket, head) => tracker.ws.handleUpgrade(req, socket, head, (ws) => tracker.ws.emit('connection', ws, req)));
