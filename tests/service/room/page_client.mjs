// SPDX-License-Identifier: MIT
//
// page_client: our page's part of the protocol of rooms, by the real socket.io-client. Whatever it is told must look as
// docs/room-protocol.md says, and hold no secret.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { until } from '../http/harness.mjs';

const require = createRequire(new URL('../http/package.json', import.meta.url));
export const { io } = require('socket.io-client-4.8');

// ---- what the documentation says

const documented = {};
let table;
for (const line of fs.readFileSync(new URL('../../../docs/room-protocol.md', import.meta.url), 'utf8').split('\n')) {
  const head = /^### (\w+)/.exec(line), row = /^\| `(.+?)` \| (.*?) \|/.exec(line);
  if (head) table = documented[head[1]] = {};
  else if (row) table[row[1]] = row[2].replace(/^one of: /, '');
}
const replies = Object.fromEntries(fs.readFileSync(new URL('../../../docs/room-protocol.md', import.meta.url), 'utf8')
  .split('\n').map((line) => /^\| `(\w+)` \| `\w+` \| `(\w+)` \|/.exec(line)).filter(Boolean).map(([, event, reply]) => [event, reply]));
const scalars = { string: 'string', bool: 'boolean', double: 'number', int64: 'number', uint32: 'number', uint64: 'number' };

function expectShape(value, type, where) {
  if (type.startsWith('repeated ')) {
    assert.ok(Array.isArray(value), `${where} is a list`);
    value.forEach((item, i) => expectShape(item, type.slice('repeated '.length), `${where}[${i}]`));
  } else if (scalars[type]) {
    assert.equal(typeof value, scalars[type], where);
    if (/int/.test(type)) assert.ok(Number.isSafeInteger(value), where);
  } else if (Object.keys(documented[type] ?? {}).some((name) => name.startsWith('"'))) {
    assert.ok(`"${value}"` in documented[type], `${where}: ${value} is a ${type}`);
  } else {
    const fields = documented[type] ?? {};
    assert.deepEqual(Object.keys(value).sort(), Object.keys(fields).sort(), `${where} is a ${type}`);
    for (const [name, of] of Object.entries(fields)) expectShape(value[name], of, `${where}.${name}`);
  }
}

function expectReply(event, { ok, iceServers, ...reply }) {
  assert.equal(ok, true);
  if (replies[event] === 'Entered') assert.ok(Array.isArray(iceServers));
  expectShape(reply, replies[event], `the ack of ${event}`);
}

// ---- a member

let count = 0;

export class Member {
  // `options` are those of socket.io-client.
  constructor(t, stack, name, options = {}) {
    this.name = name;
    this.id = `${name.toLowerCase()}-${++count}`;
    this.secret = `the secret of ${this.id}`;
    this.heard = []; // [event, what]
    this.socket = io(`${stack.origin ?? `http://127.0.0.1:${stack.port}`}/room`, { transports: ['websocket'], forceNew: true, reconnectionDelay: 50, ...options });
    this.socket.onAny((event, ...args) => {
      assert.equal(args.length, 1, 'one argument, and none of connection state recovery');
      expectShape(args[0], documented.Told[event] ?? `an event that is documented, and not ${event}`, event);
      assert.doesNotMatch(JSON.stringify(args), /the secret of/);
      this.heard.push([event, args[0]]);
    });
    this.socket.on('disconnect', (reason) => { this.reason = reason; });
    t.after(() => this.socket.io._close());
  }

  get identity() {
    return { id: this.id, secret: this.secret, name: this.name };
  }

  // Whatever is answered; rejects without an answer.
  ask(event, ...args) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(reject, 20000, new Error(`no ack of ${event}`));
      this.socket.emit(event, ...args, (...answer) => {
        clearTimeout(timer);
        try {
          assert.equal(answer.length, 1);
          assert.doesNotMatch(JSON.stringify(answer), /the secret of/);
          resolve(answer[0]);
        } catch (error) { reject(error); }
      });
    });
  }

  // What is done; its reply.
  async does(event, what = {}) {
    const answer = await this.ask(event, what);
    assert.ok(answer.ok, `${this.name}: ${event}: ${JSON.stringify(answer)}`);
    expectReply(event, answer);
    return answer;
  }

  // What is refused, with this word.
  async isRefused(code, event, what = {}) {
    const answer = await this.ask(event, what);
    assert.deepEqual([answer.ok, answer.error?.code], [false, code], `${event} ${JSON.stringify(what).slice(0, 200)}: ${JSON.stringify(answer)}`);
    assert.match(answer.error.message, /^.{8,}\S$/, 'a sentence');
    return answer.error.message;
  }

  // The next event of this name (for which `is` holds), now or later; what was told before it stays.
  async hears(name, is = () => true) {
    const found = await until(() => this.heard.find(([event, what]) => event === name && is(what)), `${this.name} to hear ${name}`);
    this.heard.splice(this.heard.indexOf(found), 1);
    return found[1];
  }

  async create(more = {}) {
    const entered = await this.does('create', { ...this.identity, ...more });
    this.code = entered.room.code;
    return entered;
  }

  join(code, more = {}) {
    this.code = code;
    return this.does('join', { ...this.identity, code, ...more });
  }

  // Nothing of what was asked before is still on its way to it; then what it has heard by now.
  async names() {
    await this.ask('time');
    return this.heard.map(([event]) => event);
  }
}

// A room with so many in it; the first one is host. They have heard nothing yet.
export async function roomOf(t, stack, ...names) {
  const members = names.map((name) => new Member(t, stack, name));
  await members[0].create();
  for (const member of members.slice(1)) await member.join(members[0].code);
  for (const member of members) {
    await member.names();
    member.heard.length = 0;
  }
  return members;
}
