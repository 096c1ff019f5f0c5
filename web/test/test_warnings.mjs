// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { warningsOf } from '../src/warnings.ts';

const service = (more) => ({ name: 'torrent.0', state: 'ready', uptimeMs: 3600000, lastDeath: '', degradedText: '', logLevel: 'info', ...more });
const well = { hasSupervisor: true, services: [service()] };
const torrent = { torrents: 1, diskUsedBytes: 1e9, diskQuotaBytes: 0, diskFreeBytes: 100e9, diskFloorBytes: 1e9, listenPort: 6881, hasIncoming: true };
const settings = (values) => Object.entries(values).map(([name, value]) => ({ name, value }));
const keys = (known) => warningsOf(known).map(({ key, name }) => (name ? `${key} ${name}` : key));

test('who knows nothing warns of nothing, and neither does a server that is well', () => {
  assert.deepEqual(keys({}), []);
  assert.deepEqual(keys({ services: well, stats: { torrent }, http: settings({ 'http.listen': '127.0.0.1:8080' }), room: settings({ 'room.turn_urls': 'turn:x' }) }), []);
  assert.deepEqual(keys({ stats: { torrent: null } }), []);
});

test('services that are not well are named, with what they say of it', () => {
  const services = { hasSupervisor: true, services: [service({ name: 'room.0', state: 'failed', lastDeath: 'exit code 78' }), service({ name: 'rtc.0', state: 'backoff' }),
    service({ name: 'http.0', degradedText: 'room-svc is away', logLevel: 'debug' })] };
  assert.deepEqual(keys({ services }), ['failed room.0', 'backoff rtc.0', 'degraded http.0', 'debug http.0']);
  assert.deepEqual(warningsOf({ services })[0], { key: 'failed', kind: 'bad', name: 'room.0', detail: 'exit code 78' });
  assert.deepEqual(keys({ services: { ...well, hasSupervisor: false } }), ['alone']);
});

test('an address for others wants encryption in front of it', () => {
  const http = (more) => ({ http: settings({ 'http.listen': '0.0.0.0:8080', 'http.trusted_proxies': '', 'http.public_url': '', ...more }) });
  assert.deepEqual(keys(http()), ['open']);
  assert.deepEqual(keys(http({ 'http.listen': '[::]:8080' })), ['open']);
  for (const listen of ['127.0.0.1:1', '127.3.0.1:1', 'localhost:1', '[::1]:1']) assert.deepEqual(keys(http({ 'http.listen': listen })), [], listen);
  assert.deepEqual(keys(http({ 'http.trusted_proxies': '10.0.0.1' })), []);
  assert.deepEqual(keys(http({ 'http.public_url': 'https://x' })), []);
  assert.deepEqual(keys(http({ 'http.public_url': 'http://x' })), ['open']);
});

test('disk, port and relay', () => {
  const of = (more) => keys({ services: well, stats: { torrent: { ...torrent, ...more } } });
  assert.deepEqual(of({ diskFreeBytes: 2e9 }), ['full']);
  assert.deepEqual(of({ diskQuotaBytes: 1.05e9 }), ['quota']);
  assert.deepEqual(of({ listenPort: 0, hasIncoming: false }), ['closed']);
  assert.deepEqual(of({ hasIncoming: false }), ['incoming']);
  assert.deepEqual(of({ hasIncoming: false, torrents: 0 }), []);
  assert.deepEqual(keys({ services: { ...well, services: [service({ uptimeMs: 60000 })] }, stats: { torrent: { ...torrent, hasIncoming: false } } }), [], 'too early to say');
  assert.deepEqual(keys({ room: settings({ 'room.turn_urls': '', 'room.cloudflare_key_id': '' }) }), ['turn']);
  assert.deepEqual(keys({ room: settings({ 'room.turn_urls': '', 'room.cloudflare_key_id': 'x' }) }), []);
});

test('every warning has words', () => {
  const source = fs.readFileSync(path.join(process.env.WEB_DIR, 'src/warnings.ts'), 'utf8'), [, list] = /type WarningKey = ([^;]+);/.exec(source);
  const english = JSON.parse(fs.readFileSync(path.join(process.env.WEB_DIR, 'locales/en.json'), 'utf8'));
  const all = [...list.matchAll(/'(\w+)'/g)].map(([, key]) => key);
  assert.ok(all.length > 5);
  for (const key of all) assert.ok(english[`warn.${key}`] && english[`warnText.${key}`], key);
});
