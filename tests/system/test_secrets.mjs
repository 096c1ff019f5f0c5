// SPDX-License-Identifier: MIT
//
// What is secret stays where it was put: it is in no command line, no log, no answer, no file that others can read, and no worker has it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { body, makeFilms, pids, share } from './hls.mjs';
import { House, Yard, bin, freePort, run, until } from './house.mjs';

// One of a kind for each setting that is secret; the last is part of a URL.
const secrets = {
  http_admin_token: 'hush-admin-4711', room_turn_secret: 'hush-turn-4712', rtc_turn_password: 'hush-relay-4713', room_cloudflare_token: 'hush-cloud-4714',
  bus_secret: 'hush-bus-4715', torrent_proxy: 'hush-proxy-4716',
};
const read = (file) => { try { return fs.readFileSync(file, 'latin1'); } catch { return ''; } };

function everybody(house) {
  const names = ['sharestreamd', 'http-svc', 'room-svc', 'rtc-svc', 'torrent-svc', 'tracker-svc', 'transcode-svc', 'transcode-worker'];
  return new Map(names.flatMap((name) => pids(house, name).map((pid) => [pid, name])).concat([[house.daemon.pid, 'sharestreamd']]));
}

// Files and folders below `folder` that somebody else could write, or connect to.
function openToOthers(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name), { mode } = fs.lstatSync(file);
    return [...(!entry.isSymbolicLink() && mode & 0o022 ? [file] : []), ...(entry.isDirectory() ? openToOthers(file) : [])];
  });
}

test('secrets are in no command line, log, answer or file of others, and workers have none', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  const values = { ...secrets, torrent_proxy: `socks5://ann:${secrets.torrent_proxy}@127.0.0.1:${await freePort()}` };
  const env = { SHARESTREAM_COMMON_LOG_LEVEL: 'debug', SHARESTREAM_HTTP_ACCESS_LOG: '-', SHARESTREAM_ROOM_TURN_URLS: 'turn:127.0.0.1:9', SHARESTREAM_RTC_TURN_URLS: 'turn:127.0.0.1:9',
    SHARESTREAM_RTC_TURN_USERNAME: 'ann', SHARESTREAM_ROOM_CLOUDFLARE_KEY_ID: 'key', SHARESTREAM_ROOM_CLOUDFLARE_URL: 'https://127.0.0.1:9/' };
  for (const [name, value] of Object.entries(values)) {
    const file = path.join(yard.dir, name);
    fs.writeFileSync(file, `${value}\n`, { mode: 0o600 });
    env[`SHARESTREAM_${name.toUpperCase()}_FILE`] = file;
  }
  await makeFilms(yard, folder, ['plain.mp4', 'dts.mkv']);
  const house = await House.start(t, yard, { env }), authorization = `Bearer ${secrets.http_admin_token}`;

  // They are used: who has the token may, who has none, or a wrong one, may not.
  assert.equal((await house.get('/api/v1/torrents')).status, 401);
  assert.equal((await house.get('/api/v1/torrents', { authorization: 'Bearer hush-admin-0000' })).status, 401);
  assert.equal((await house.get(`/api/v1/torrents?token=${secrets.http_admin_token}`)).status, 200);
  const base = await share({ json: (...args) => house.json(...args), get: (target) => house.get(target, { authorization }) }, folder);
  await body({ get: (target) => house.get(target, { authorization }) }, `${base['dts.mkv']}/a1/0.m4s`);
  const { url } = JSON.parse((await house.get(base['plain.mp4'].replace(/^\/hls\/(.*)\/(.*)/, '/api/v1/torrents/$1/files/$2/link'), { authorization })).body);
  const [, signature] = /sig=([\w-]+)/.exec(url);
  assert.equal((await house.get(url.slice(url.indexOf('/stream')))).status, 200);

  const processes = everybody(house);
  assert.ok(processes.size >= 8 && [...processes.values()].includes('transcode-worker'), [...processes.values()].join());
  const said = {};
  for (const [pid, name] of processes) {
    said[`command line of ${name}`] = read(`/proc/${pid}/cmdline`);
    said[`environment of ${name}`] = read(`/proc/${pid}/environ`);
    if (name === 'transcode-worker') assert.equal(said[`environment of ${name}`], '', 'a worker is told nothing');
    assert.ok(name === 'transcode-worker' || said[`environment of ${name}`].includes('_FILE='), `${name} could be looked at`);
  }
  for (const service of ['http', 'room', 'rtc', 'torrent', 'tracker', 'transcode', 'supervisor']) {
    for (const verb of [['config', service], ['metrics', service], ['why', service]]) said[`sharestream ${verb.join(' ')}`] = Object.values(await house.cli(...verb)).join();
    for (const what of ['settings', 'deaths', 'metrics']) said[`${what} of ${service}`] = (await house.get(`/api/v1/services/${service}/${what}`, { authorization })).body.toString();
    const print = await run(path.join(bin, service === 'supervisor' ? 'sharestreamd' : `${service}-svc`),
      ['--config', house.config, '--print-config'], { env: house.env });
    said[`${service} --print-config`] = print.out + print.err;
  }
  for (const target of ['/metrics', '/api/v1/services', '/api/v1/stats', '/api/v1/torrents', '/ice-servers', '/health/ready', '/api/v1/logs']) said[target] = (await house.get(target, { authorization })).body.toString();
  said.status = (await house.cli('--json', 'status')).out;
  said.logs = (await house.cli('logs')).out;
  said.log = await until(() => house.daemon.said.includes('sig=') && house.daemon.said, 'requests in the log');
  for (const [where, text] of Object.entries(said)) {
    for (const [name, secret] of Object.entries(secrets)) assert.ok(!text.includes(secret), `${name} in ${where}`);
    assert.ok(!text.includes(signature), `a signature in ${where}`);
  }
  // Settings are there, hidden: else nothing would have been looked at.
  for (const [service, setting] of [['http', 'admin_token'], ['room', 'turn_secret'], ['rtc', 'turn_password'], ['torrent', 'proxy'], ['room', 'cloudflare_token']]) {
    assert.match(said[`settings of ${service}`], new RegExp(`"${service}\\.${setting}","value":"\\(set\\)"`), setting);
    assert.match(said[`${service} --print-config`], new RegExp(`# ${setting}: \\(set\\)`), setting);
  }

  // On the disk, and on the bus of this machine.
  for (const name of ['run', 'data']) {
    assert.equal(fs.statSync(path.join(house.dir, name)).mode & 0o777, 0o700, name);
    assert.deepEqual(openToOthers(path.join(house.dir, name)), []);
  }
  assert.equal(fs.statSync(path.join(house.dir, 'data/link-key')).mode & 0o777, 0o600);
});
