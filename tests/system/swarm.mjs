// SPDX-License-Identifier: MIT
//
// swarm: a tracker to test, and torrent clients that can find each other by nothing else: their torrents are private, so DHT, local
// discovery and peer exchange are off. SHARESTREAM_TEST_TRACKER=npm runs the same stories with bittorrent-tracker instead of ours,
// to see whether a story is one.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { House, canConnect, freePort, infoHash, run, sha256, until } from './house.mjs';

export const isOurs = process.env.SHARESTREAM_TEST_TRACKER !== 'npm';
const modules = new URL('node_modules/', import.meta.url).pathname;

// {udp, http, ws, httpBase, house}: announce URLs; the house is undefined when the tracker is not ours.
export async function startTracker(t, yard, { host = '127.0.0.1', env = {} } = {}) {
  const port = await freePort(), name = host.includes(':') ? `[${host}]` : host, at = `${name}:${port}`;
  const tracker = { port, udp: `udp://${at}/announce`, http: `http://${at}/announce`, httpBase: `http://${at}`, ws: `ws://${at}` };
  if (isOurs) {
    tracker.house = await House.start(t, yard, { env: { SHARESTREAM_TRACKER_LISTEN: at, SHARESTREAM_HTTP_TRACKER_LISTEN: at, ...env } });
  } else {
    yard.start(process.execPath, [path.join(modules, 'bittorrent-tracker/bin/cmd.js'), '--silent', '--port', String(port), '--http-hostname', host,
      '--udp-hostname', '127.0.0.1', '--udp6-hostname', '::1']);
  }
  await until(() => canConnect(port, host), 'the tracker to listen');
  return tracker;
}

// A file of random bytes in a folder of its own, and a private torrent of it with that one tracker.
export async function makeContent(yard, announce, bytes = 3 << 20) {
  const folder = path.join(yard.dir, 'original'), file = path.join(folder, 'data.bin'), torrent = path.join(yard.dir, 'data.torrent');
  const data = crypto.randomBytes(bytes);
  fs.mkdirSync(folder);
  fs.writeFileSync(file, data);
  const { code, err, out } = await run('mktorrent', ['-p', '-l', '16', '-a', announce, '-o', torrent, file]);
  if (code !== 0) throw new Error(`mktorrent: ${err}${out}`);
  return { folder, file, torrent, hash: infoHash(fs.readFileSync(torrent)), size: bytes, sha256: sha256(data) };
}

// Each client is given a folder, which holds the file or is empty, and works until the test ends. `torrent` may also be a magnet link.
export async function aria2(yard, { torrent }, folder) {
  const dht = path.join(yard.dir, `dht-${await freePort()}`), port = await freePort();
  // aria2 has UDP trackers only when DHT is on; for a private torrent it does not use it, and it knows no node.
  yard.start('aria2c', ['--seed-ratio=0', '--check-integrity=true', '--enable-dht=true', `--dht-file-path=${dht}`, `--dht-listen-port=${await freePort()}`,
    '--enable-dht6=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false', `--listen-port=${port}`, '--summary-interval=0', '-d', folder, torrent]);
}

export async function transmission(yard, { torrent }, folder) {
  const port = await freePort(), rpc = await freePort(), config = path.join(yard.dir, `transmission-${port}`);
  fs.mkdirSync(config);
  fs.writeFileSync(path.join(config, 'settings.json'), JSON.stringify({ 'dht-enabled': false, 'lpd-enabled': false, 'utp-enabled': false,
    'pex-enabled': false, 'port-forwarding-enabled': false, 'ratio-limit-enabled': false, 'rpc-whitelist-enabled': false, 'rpc-bind-address': '127.0.0.1' }));
  yard.start('transmission-daemon', ['-f', '-g', config, '-P', String(port), '-p', String(rpc), '-w', folder, '--no-portmap']);
  await until(() => canConnect(rpc), 'transmission to answer');
  await until(async () => (await run('transmission-remote', [`127.0.0.1:${rpc}`, '-w', folder, '-a', torrent])).code === 0, 'transmission to take the torrent');
}

export async function libtorrent(yard, { torrent }, folder, host = '127.0.0.1') {
  const port = await freePort(), at = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const process = yard.start('/usr/bin/python3', [new URL('libtorrent_peer.py', import.meta.url).pathname, at, torrent, folder]);
  return { port, process };
}

// How many the tracker knows, by its scrape of the one protocol that all trackers and Node have.
export async function counts(tracker, hash) {
  const target = `${tracker.httpBase}/scrape?info_hash=${hash.replace(/../g, '%$&')}`;
  const text = Buffer.from(await (await fetch(target)).arrayBuffer()).toString('latin1');
  const of = (name) => Number(new RegExp(`${name}i(\\d+)e`).exec(text)?.[1] ?? -1);
  return { complete: of('complete'), incomplete: of('incomplete'), downloaded: of('downloaded') };
}

// The whole file has arrived in the folder.
export function arrives(folder, content) {
  const file = path.join(folder, 'data.bin');
  return until(() => fs.existsSync(file) && fs.statSync(file).size === content.size && sha256(fs.readFileSync(file)) === content.sha256,
    'the file to arrive', 90000);
}
