// SPDX-License-Identifier: MIT
//
// The hub of TorrentMonkey: what one says, all hear.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, until } from '../http/harness.mjs';

const start = (t, env = {}) => Stack.start(t, { torrent: false, room: true, env });

// A client of the hub that is in it: what it says to itself comes back.
async function connect(stack, target = '/monkey/ws', options = {}) {
  const ws = await stack.socket(target, options);
  ws.hear = async () => (await ws.next()).data;
  ws.send('{"type":"here"}');
  assert.equal(await ws.hear(), '{"type":"here","data":null}');
  return ws;
}

test('a message goes to all, its sender included', async (t) => {
  const stack = await start(t);
  const ann = await connect(stack), bob = await connect(stack), cid = await connect(stack);
  await ann.hear(); // Bob and Cid, who are here
  await ann.hear();
  await bob.hear();
  for (const [said, heard] of [
    ['{"type":"offer","data":{"type":"offer","sdp":"v=0\\r\\n"}}', undefined],
    ['{"type":"candidate","data":{"candidate":"x","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":null}}', undefined],
    ['{ "from": "me", "data" : [1.0, 2e3, {"a": null}], "type": "ice-candidate", "to": 5 }', '{"type":"ice-candidate","data":[1.0, 2e3, {"a": null}]}'],
    ['{"type":"ä \\u00e4","data":"x"}', undefined], ['{"type":"x"}', '{"type":"x","data":null}'], ['{"data":false}', '{"type":"","data":false}'], ['{}', '{"type":"","data":null}'],
    ['{"type":null,"data":1}', '{"type":"","data":1}'],
  ])
    for (const by of [ann, cid]) {
      by.send(said);
      for (const ws of [ann, bob, cid]) assert.equal(await ws.hear(), heard ?? said);
    }
  bob.close();
  await bob.closed;
  await until(async () => (await stack.metric('sharestream_room_guests', 'room')) === 2, 'Bob to be gone');
  ann.send('{"type":"last","data":0}');
  assert.equal(await cid.hear(), '{"type":"last","data":0}');
});

test('what makes no sense goes to nobody, and its sender stays', async (t) => {
  const stack = await start(t);
  const ann = await connect(stack), bob = await connect(stack);
  await ann.hear();
  for (const rubbish of ['', 'x', 'null', '[]', '"x"', '{"type":5}', '{"type":{}}', '{"type":"x"', '{"type":"x"} ,', `{"type":"x","data":"${'x'.repeat(17000)}"}`,
    `{"type":"x","data":${'['.repeat(5000)}${']'.repeat(5000)}}`, Buffer.from('{"type":"x"}'), Buffer.from([0xff])])
    bob.send(rubbish);
  bob.send('{"type":"last"}');
  assert.equal(await ann.hear(), '{"type":"last","data":null}');
  assert.equal(await bob.hear(), '{"type":"last","data":null}');
});

test('who says too much is not heard, others are', async (t) => {
  const stack = await start(t);
  const ann = await connect(stack), bob = await connect(stack);
  await ann.hear();
  for (let i = 0; i < 5000; i++) bob.send(`{"type":"flood","data":${i}}`);
  bob.ping();
  await new Promise((resolve) => bob.once('pong', resolve));
  ann.send('{"type":"last"}');
  const heard = [];
  while (heard.at(-1) !== '{"type":"last","data":null}') heard.push(await ann.hear());
  assert.ok(heard.length < 3000, `${heard.length} of 5000`);
});

test('there is room for so many, and again when one has gone', async (t) => {
  const stack = await start(t, { SHARESTREAM_ROOM_MONKEY_MAX: '2' });
  const ann = await connect(stack);
  await connect(stack);
  const more = await stack.socket('/monkey/ws');
  assert.deepEqual(await more.closed, { code: 1013, reason: 'too many are here' });
  ann.close();
  await ann.closed;
  await until(async () => (await stack.metric('sharestream_room_guests', 'room')) === 1, 'one to be gone');
  await connect(stack);
});

test('on a port of its own it is at /ws', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_MONKEY_LISTEN: '127.0.0.1:0' });
  assert.ok(stack.monkeyPort > 0 && stack.monkeyPort !== stack.port);
  const ann = await connect(stack, '/ws', { port: stack.monkeyPort }), bob = await connect(stack, '/monkey/ws?x=1');
  assert.equal(await ann.hear(), '{"type":"here","data":null}');
  bob.send('{"type":"x","data":1}');
  assert.equal(await ann.hear(), '{"type":"x","data":1}');
  const p2p = await stack.socket('/ws');
  assert.match((await p2p.ask('{"type":"x"}')).data, /AUTH_ERROR/, 'on the usual port that is another dialect');
  assert.equal((await fetch(`http://127.0.0.1:${stack.monkeyPort}/health/live`)).status, 200);
});

test('the hub goes on when this process was killed', async (t) => {
  const stack = await start(t);
  const ann = await connect(stack), bob = await connect(stack);
  await ann.hear();
  await stack.room.kill();
  await stack.startRoom();
  await until(async () => (await stack.metric('sharestream_room_guests', 'room')) === 2, 'both to be known again');
  ann.send('{"type":"x","data":1}');
  assert.equal(await bob.hear(), '{"type":"x","data":1}');
});
