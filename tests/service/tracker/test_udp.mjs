// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import { HASH, OTHER, Stage, until } from './harness.mjs';

const base64url = (...parts) => Buffer.concat(parts).toString('base64url');

test('peers find each other, in both families, and scrapes count them', async (t) => {
  const stage = await Stage.start(t);
  for (const family of [4, 6]) {
    const client = stage.udp(family);
    assert.equal((await client.connect()).length, 16);
    assert.deepEqual((await client.told({ n: 1, left: 0 })).ports, []);
    const told = await client.told({ n: 2, event: 2 });
    assert.deepEqual(told.ports, [1001]);
    assert.equal(told.interval, 600);
    assert.deepEqual((await client.told({ n: 3, left: 0 })).ports, [1002], 'a seed is told of leechers only');
    assert.equal((await client.told({ n: 2, want: 1 })).ports.length, 1);
    assert.deepEqual((await client.told({ n: 2, want: 0 })).ports, []);
    await client.told({ n: 2, left: 0, event: 1 });
    await client.told({ n: 1, left: 0, event: 3 });
    const both = family === 4 ? 1 : 2; // the swarm is the same one
    assert.deepEqual(await client.scrape(HASH, OTHER), [[2 * both, both, 0], [0, 0, 0]]);
  }
});

test('nobody announces with a made-up connection id, nor with that of another life', async (t) => {
  const stage = await Stage.start(t);
  const client = stage.udp();
  assert.deepEqual(await client.told({}), { error: 'connect again' });
  await client.connect();
  assert.equal((await client.told({})).incomplete, 1);
  const other = stage.udp(6);
  other.id = client.id;
  assert.deepEqual(await other.told({}), { error: 'connect again' }, 'an id is of one address');
  await stage.tracker.end('SIGKILL');
  stage.env.SHARESTREAM_TRACKER_LISTEN = `127.0.0.1:${stage.udpPort}`;
  await stage.startTracker();
  assert.deepEqual(await client.told({}), { error: 'connect again' });
  await client.connect();
  assert.equal((await client.told({})).incomplete, 1, 'and goes on in the next life');
});

test('what another instance passes on is answered, each at its place, and refused when its parts do not fit', async (t) => {
  const stage = await Stage.start(t);
  const address = Buffer.from([...Buffer.alloc(10), 255, 255, 127, 0, 0, 1]);
  const announces = [1, 2].map((n) => stage.udp().announce({ n }));
  const datagrams = [announces[0], Buffer.from('not a request at all'), announces[1]];
  const parts = { addresses: base64url(address, address, address), locals: base64url(address, address, address), lengths: datagrams.map(({ length }) => length), datagrams: base64url(...datagrams) };
  const { lengths, replies } = await stage.call('Relay', parts);
  assert.deepEqual(lengths, [20, 0, 26]);
  assert.equal(Buffer.from(replies, 'base64url').readUInt16BE(44), 1001, 'the second is told of the first');
  for (const wrong of [{ lengths: [98, 20] }, { lengths: [98, 20, 99] }, { lengths: [98, 20, 97] }, { locals: base64url(address) }, { addresses: '' }, { datagrams: '' }])
    assert.equal((await stage.call('Relay', { ...parts, ...wrong })).error, 'invalid', JSON.stringify(wrong));
  assert.equal((await stage.call('Relay', { lengths: Array(257).fill(0) })).error, 'too_large');
  assert.deepEqual(await stage.call('Relay', {}), { lengths: [], replies: '' });
});

test('no datagram of a stranger is answered with more bytes than it had', async (t) => {
  const stage = await Stage.start(t);
  const client = stage.udp();
  let sent = 0;
  for (let i = 0; i < 400; i++) {
    const message = crypto.randomBytes(i % 5 === 0 ? 98 : Math.floor(Math.random() * 200));
    if (message.length >= 12 && i % 2 === 0) message.writeUInt32BE(i % 4, 8); // an action we know
    sent += message.length;
    await client.send(message);
  }
  await client.send(Buffer.alloc(0));
  // The last one is answered: all before it were looked at.
  await client.connect().catch(() => {});
  await until(() => client.received > 0);
  const stranger = client.received;
  assert.ok(stranger <= sent, `${stranger} bytes for ${sent}`);
  const probe = stage.udp();
  for (const length of [16, 17, 40, 97, 98, 1500]) {
    const message = Buffer.alloc(length, 1);
    message.writeUInt32BE(1, 8);
    assert.ok((await probe.ask(message)).length <= length, `for ${length} bytes`);
  }
});

test('broken requests of a client are named', async (t) => {
  const stage = await Stage.start(t);
  const client = stage.udp();
  await client.connect();
  assert.deepEqual(await client.told({ port: 0 }), { error: 'invalid port' });
  assert.deepEqual(await client.told({ event: 9 }), { error: 'invalid event' });
  const cut = await client.ask(client.announce().subarray(0, 90));
  assert.match(cut.subarray(8).toString(), /98 bytes/);
  const huge = Buffer.concat([client.announce({ n: 7, want: 0x7fffffff }), crypto.randomBytes(1400)]);
  assert.ok((await client.ask(huge)).length >= 8);
  assert.equal((await client.told({ n: 8, left: Number.MAX_SAFE_INTEGER })).complete, 0);
});

test('lists say who is tracked, keys who may ask; both are read again on SIGHUP', async (t) => {
  const dir = fs.mkdtempSync('/tmp/ss-tracker-lists-');
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const [deny, keys] = [`${dir}/deny`, `${dir}/keys`];
  fs.writeFileSync(deny, `${OTHER.toString('hex')} not this one\n`);
  fs.writeFileSync(keys, 'anna-1234 Anna\n');
  const stage = await Stage.start(t, { env: { SHARESTREAM_TRACKER_DENY_FILE: deny, SHARESTREAM_TRACKER_KEYS_FILE: keys } });
  const client = stage.udp();
  await client.connect();
  const path = '/announce/anna-1234';
  assert.match((await client.told({})).error, /not tracked here, or a key is missing/);
  assert.equal((await client.told({ path })).incomplete, 1);
  assert.match((await client.told({ path, hash: OTHER })).error, /not tracked/);
  assert.match((await client.told({ path: '/announce/anna-9999' })).error, /key/);

  fs.writeFileSync(deny, `# changed\n${HASH.toString('hex')}\n`);
  stage.tracker.child.kill('SIGHUP');
  await until(async () => 'error' in (await client.told({ path })), 'the new list');
  assert.equal((await client.told({ path, hash: OTHER })).incomplete, 1);
  assert.deepEqual(await client.scrape(HASH), [[0, 0, 0]], 'a swarm that is denied is gone');

  fs.writeFileSync(deny, 'nonsense\n');
  stage.tracker.child.kill('SIGHUP');
  await until(() => /lists not read again.*line 1/.test(stage.tracker.log), 'the mistake in the log');
  assert.equal((await client.told({ path, hash: OTHER })).incomplete, 1, 'and nothing has changed');
});

test('mistakes in the configuration end it with a sentence', async (t) => {
  for (const [env, code, text] of [
    [{ SHARESTREAM_TRACKER_ALLOW_FILE: '/nonexistent' }, 78, /cannot read \/nonexistent/],
    [{ SHARESTREAM_TRACKER_PEER_TIMEOUT: '1m' }, 78, /longer than tracker.interval/],
    [{ SHARESTREAM_TRACKER_LISTEN: '192.0.2.1:0' }, 78, /tracker.listen/],
    [{ SHARESTREAM_TRACKER_LISTEN: 'nonsense' }, 78, /nonsense/],
  ]) {
    const stage = new Stage();
    await assert.rejects(Stage.prototype.startTracker.call(Object.assign(stage, { env: { SHARESTREAM_COMMON_RUN_DIR: '/tmp/ss-tracker-none', SHARESTREAM_COMMON_DATA_DIR: '/tmp/ss-tracker-none', ...env } })), /ended/);
    const how = await stage.tracker.exit;
    assert.equal(how.code, code, stage.tracker.log);
    assert.match(stage.tracker.log, text);
  }
  const stage = await Stage.start(t);
  const second = new Stage();
  second.env = { ...stage.env, SHARESTREAM_TRACKER_LISTEN: `127.0.0.1:${stage.udpPort}`, SHARESTREAM_COMMON_RUN_DIR: `${stage.dir}/run2` };
  await assert.rejects(second.startTracker(), /ended/);
  assert.equal((await second.tracker.exit).code, 75);
  assert.match(second.tracker.log, /taken by another program/);
});
