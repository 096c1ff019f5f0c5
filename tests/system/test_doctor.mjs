// SPDX-License-Identifier: MIT
//
// What the operator sees of browsers as peers: sharestream doctor rtc, sharestream peers, GET .../browsers, metrics.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, freePort, run, until } from './house.mjs';
import { add, fetched, openPage, servePage } from './pages.mjs';

const LOCAL = 'rtc:\n  addresses: ["127.0.0.1"]\n';

// What the doctor finds, by the first word of a step; `code` is how it ended.
async function examine(house) {
  const { code, out, err } = await house.cli('--json', 'doctor', 'rtc');
  assert.equal(err, '');
  const steps = JSON.parse(out).steps;
  return { code, steps, of: (name) => steps.filter((step) => step.name.startsWith(name)) };
}

// Debian's coturn.
async function startTurn(yard) {
  const port = await freePort();
  const turn = yard.start('turnserver', ['-n', '-L', '127.0.0.1', '-E', '127.0.0.1', '-p', String(port), '--realm=test', '--lt-cred-mech', '--user=user:secret', '--no-tls',
    '--no-dtls', '--no-cli', '--allow-loopback-peers', '--pidfile', path.join(yard.dir, 'turn.pid'), '--log-file=stdout'], { cwd: yard.dir });
  await until(async () => {
    assert.equal(turn.exitCode, null, turn.said);
    return (await run('turnutils_stunclient', ['-p', String(port), '127.0.0.1'], { ms: 1000 })).code === 0;
  }, 'coturn to answer');
  return port;
}

test('the doctor finds that all is well', async (t) => {
  const house = await House.start(t, new Yard(t), { settings: LOCAL });
  const found = await examine(house);
  assert.equal(found.code, 0, JSON.stringify(found.steps));
  assert.deepEqual(found.steps.map(({ name, isGood }) => [name.split(' ')[0], isGood]), [['ports', true], ['bittorrent', true], ['udp', true], ['tcp', true]]);
  assert.match(found.of('udp')[0].message, /udp host 127\.0\.0\.1:\d+ <- /);
  assert.match(found.of('tcp')[0].message, /tcp host 127\.0\.0\.1:\d+ <- /);
  const { code, out } = await house.cli('doctor', 'rtc');
  assert.equal(code, 0);
  assert.match(out, /^WHAT +WORKS +TOOK +FOUND\nports .* yes /);
  // All of it is gone.
  await until(async () => (await house.json('call', 'rtc', 'Stats')).peers === 0, 'its connections to end');
});

test('the doctor finds what is wrong, and says what to do', async (t) => {
  const yard = new Yard(t), turn = await startTurn(yard), taken = net.createServer();
  // Two of six ports are somebody else's.
  await new Promise((resolve) => taken.listen(20001, '127.0.0.1', resolve).on('error', resolve));
  t.after(() => taken.close());
  const house = await House.start(t, yard, { settings: `rtc:
  addresses: ["127.0.0.1", "192.0.2.99"]
  ports: 20000-20005
  tcp: false
  bittorrent: "127.0.0.1:${await freePort()}"
  turn_urls: ["turn:127.0.0.1:${turn}", "turn:localhost:${turn}?transport=tcp", "turn:127.0.0.1:${await freePort()}", "turn:nobody.invalid:3478"]
  turn_username: user
  turn_password: secret
` });
  const found = await examine(house);
  assert.equal(found.code, 1);
  assert.match(found.of('ports')[0].message, /^only \d of 6 are free, .*rtc\.ports wider/);
  assert.match(found.of('bittorrent')[0].message, /Connection refused.*rtc\.bittorrent/);
  assert.equal(found.of('udp 127.0.0.1')[0].isGood, true);
  // Not an address of this machine.
  assert.match(found.of('udp 192.0.2.99')[0].message, /no connection can be begun.*one of this machine/);
  assert.deepEqual(found.of('tcp'), []);
  assert.deepEqual(found.of('turn').map(({ isGood }) => isGood), [true, true, false, false]);
  assert.match(found.of('turn')[2].message, /does not answer.*rtc\.turn_username/);
  assert.match(found.of('turn')[3].message, /no address is found for nobody\.invalid/);
});

test('the doctor of the whole machine tells what is missing, and what to do', async (t) => {
  const yard = new Yard(t), turn = await startTurn(yard), nobody = await freePort();
  const house = await House.start(t, yard, { settings: `${LOCAL}room:\n  turn_urls: ["turn:127.0.0.1:${turn}?transport=udp", "turn:127.0.0.1:${turn}?transport=tcp", "turn:127.0.0.1:${nobody}?transport=udp", "turn:127.0.0.1:${nobody}?transport=tcp"]\n  turn_secret: "a secret of the two"\n` });
  const whole = async () => {
    const { code, out, err } = await house.cli('--json', 'doctor');
    assert.equal(err, '');
    return { code, by: Object.fromEntries(JSON.parse(out).steps.map((step) => [step.name, step])) };
  };
  const { code, by } = await whole();
  assert.equal(code, 1);
  for (const name of ['services', 'tcp http.listen', 'tcp http.tracker_listen', 'tcp torrent.listen', 'udp tracker.listen', 'disk', 'codecs', 'udp buffers',
    `turn:127.0.0.1:${turn}?transport=udp`, `turn:127.0.0.1:${turn}?transport=tcp`, 'webrtc udp 127.0.0.1', 'webrtc tcp 127.0.0.1'])
    assert.equal(by[name]?.isGood, true, `${name}: ${JSON.stringify(by)}`);
  assert.match(by.clock.message, /kept right|timedatectl/); // which one is this machine's business
  assert.match(by.descriptors.message, /for 4096 clients/);
  for (const transport of ['udp', 'tcp']) {
    const relay = by[`turn:127.0.0.1:${nobody}?transport=${transport}`];
    assert.equal(relay.isGood, false);
    assert.match(relay.message, /Connection refused; does it run, and is the port open\? room\.turn_urls/);
  }
  // What is away is told with where to look.
  assert.equal((await house.cli('stop', 'tracker')).code, 0);
  const { by: later } = await whole();
  assert.equal(later.services, undefined);
  assert.match(later['tracker.0'].message, /^stopped; sharestream why tracker/);
  assert.ok(!('udp tracker.listen' in later));
  assert.equal((await house.cli('stop')).code, 0);
  assert.match((await whole()).by.services.message, /nothing is running here .*sharestream up/);
});

test('a relay that refuses the password is told', async (t) => {
  const yard = new Yard(t), turn = await startTurn(yard);
  const house = await House.start(t, yard, { settings: `${LOCAL}  turn_urls: ["turn:127.0.0.1:${turn}"]\n  turn_username: user\n  turn_password: wrong\n` });
  const found = await examine(house);
  assert.equal(found.code, 1);
  assert.deepEqual(found.steps.filter(({ isGood }) => !isGood).map(({ name }) => name), [`turn 127.0.0.1:${turn} udp`]);
});

test('a browser is seen as a peer everywhere', async (t) => {
  const yard = new Yard(t), file = path.join(yard.dir, 'data.bin'), house = await House.start(t, yard, { settings: LOCAL });
  fs.writeFileSync(file, crypto.randomBytes(4 << 20));
  const { infoHash: hash } = await house.json('seed', file);
  const tracker = `ws://${house.env.SHARESTREAM_HTTP_TRACKER_LISTEN}/announce`;
  const page = await openPage(t, await startChromium(t, yard, { isOpen: false }), await servePage(t), 'page');
  await add(page, `magnet:?xt=urn:btih:${hash}&tr=${encodeURIComponent(tracker)}`);
  await fetched(page);

  const browsers = async () => JSON.parse((await house.get(`/api/v1/torrents/${hash}/browsers`)).body);
  const told = await until(async () => {
    const answer = await browsers();
    return answer.peers.some(({ state, bytesOut }) => state === 'open' && bytesOut >= 4 << 20) && answer;
  }, 'the browser to be told of');
  assert.equal(told.peerCount, told.peers.length);
  assert.ok(told.bytesOut >= 4 << 20);
  const browser = told.peers.find(({ state }) => state === 'open');
  assert.match(browser.path, /^(udp|tcp) host 127\.0\.0\.1:\d+ <- (host|prflx) /);
  assert.match(browser.bridge, /^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./);

  const both = await until(async () => {
    const answer = await house.json('peers', hash);
    return answer.peers.some(({ flags }) => flags.includes('webrtc')) && answer;
  }, 'torrent-svc to say so');
  assert.equal(both.peers[0].address.split(':')[0], both.webrtc.peers[0].bridge);
  assert.match((await house.cli('peers', hash)).out, /webrtc[^]*BROWSER +STATE +PATH[^]* open +(udp|tcp) host /);
  assert.match((await house.cli('peers', '--webrtc')).out, new RegExp(`^TORRENT +BROWSER[^]*\n${hash.slice(0, 8)} `));
  assert.equal((await house.json('peers', '--webrtc', hash)).peers[0].infoHash, hash);
  await until(async () => (await house.json('info', hash)).browsers === 1, 'the torrent to count it');
  assert.match((await house.get('/metrics')).body.toString(), /^sharestream_rtc_peers_in_state\{state="open",service="rtc"\} 1$|^sharestream_rtc_peers_in_state\{service="rtc",state="open"\} 1$/m);
});
