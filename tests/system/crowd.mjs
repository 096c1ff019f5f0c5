// SPDX-License-Identifier: MIT
//
// crowd: many who read a film and talk about it, and keep account of what they got.
import assert from 'node:assert/strict';
import http from 'node:http';
import { Member } from '../service/room/page_client.mjs';
import { until } from './house.mjs';

const PART = 256 << 10;

// Reads parts of a file, one after the other on one connection, as long as it is wanted; counts what went right and lists what did not.
// What breaks, or is refused for a while, is a failure as well, unless the reader is patient: then it is counted, and asked for again.
export class Reader {
  constructor(house, target, data, { isPatient = false } = {}) {
    Object.assign(this, { house, target, data, isPatient, parts: 0, repeats: 0, slowest: 0, connections: new Set(), failures: [] });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.over = this.read();
  }

  async read() {
    const pause = () => new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200));
    while (!this.isOver) {
      const from = Math.floor(Math.random() * (this.data.length - PART)), began = Date.now();
      while (!await this.isGot(from) && !this.isOver) await pause();
      this.slowest = Math.max(this.slowest, Date.now() - began);
      await pause();
    }
    this.agent.destroy();
  }

  // False: it is to be asked for again.
  async isGot(from) {
    let broken;
    try {
      const { status, body, isWhole } = await this.part(from);
      if (status === 206 && body.equals(this.data.subarray(from, from + (isWhole ? PART : body.length)))) {
        if (isWhole) {
          this.parts++;
          return true;
        }
        broken = 'a part of a part';
      } else if (this.isPatient && status >= 502 && status <= 504) {
        broken = `status ${status}`;
      } else {
        this.failures.push(`status ${status}, ${body.length} bytes from ${from}${status >= 400 ? `: ${body}` : ''}`);
        return true;
      }
    } catch (error) { broken = `${error.code} ${error.message}`; }
    if (!this.isPatient) this.failures.push(broken);
    else this.repeats++;
    return !this.isPatient;
  }

  part(from) {
    return new Promise((resolve, reject) => {
      const req = http.get(this.house.url(this.target), { agent: this.agent, headers: { range: `bytes=${from}-${from + PART - 1}` } }, (res) => {
        const parts = [];
        this.connections.add(res.socket);
        res.on('data', (part) => parts.push(part));
        res.on('error', () => {}); // 'close' says it
        res.on('close', () => resolve({ status: res.statusCode, body: Buffer.concat(parts), isWhole: res.complete }));
      });
      req.on('error', reject);
    });
  }
}

// Somebody in the room, as our page does it: who comes back enters anew, and what is not answered is said again by the same key.
export function somebody(t, house, i) {
  const one = new Member(t, house, `P${i}`, { reconnectionDelay: 50, reconnectionDelayMax: 500 });
  Object.assign(one, { lines: new Map(), heardTwice: 0, said: 0, breaks: 0 });
  one.socket.on('chat', ({ number, text }) => {
    one.heardTwice += one.lines.get(number) === text;
    one.lines.set(number, text);
  });
  one.socket.on('disconnect', () => {
    one.breaks++;
    one.isIn = false;
  });
  one.socket.on('connect', async () => {
    if (!one.code) return;
    const { ok, room } = await one.socket.emitWithAck('join', { ...one.identity, code: one.code }).catch(() => ({}));
    if (!ok) return;
    room.chat.forEach(({ number, text }) => one.lines.set(number, text));
    one.isIn = true;
  });
  one.say = async () => {
    const text = `${one.name} ${one.said++}`;
    for (;;) {
      await until(() => one.isIn, `${one.name} to be in the room`);
      const answer = await one.socket.timeout(5000).emitWithAck('say', { text, key: text }).catch(() => null);
      if (answer?.ok) return;
      assert.ok(!answer || answer.error.code === 'too_fast', JSON.stringify(answer)); // after a standstill all comes at once
      if (answer) await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };
  return one;
}

// People in a room who talk until they are stopped, by one house or turn by turn by several. `t` ends them.
export class Company {
  static async meet(t, house, count) {
    const company = new Company(), houses = [house].flat();
    company.people = Array.from({ length: count }, (_, i) => somebody(t, houses[i % houses.length], i));
    const { people } = company;
    await people[0].create();
    for (const one of people.slice(1)) await one.join(people[0].code);
    people.forEach((one) => { one.isIn = true; });
    t.after(() => { company.isOver = true; });
    company.talk = people.map(async (one) => {
      while (!company.isOver) {
        await one.say();
        await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 1000));
      }
    });
    return company;
  }

  get breaks() { return this.people.reduce((sum, one) => sum + one.breaks, 0); }

  async stop() {
    this.isOver = true;
    await Promise.all(this.talk);
  }

  // Everybody knows every line, once; the tail of the chat holds the last ones, and who was away for a moment took them from there. Returns how many.
  // Lines that `mayBeLost` are known to some, or to nobody.
  async checkLines(mayBeLost = () => false) {
    const { people } = this, said = new Set(people.flatMap((one) => Array.from({ length: one.said }, (_, n) => `${one.name} ${n}`)));
    const kept = [...said].filter((line) => !mayBeLost(line));
    const missing = (one) => { const known = new Set(one.lines.values()); return kept.filter((line) => !known.has(line)); };
    await until(() => people.every((one) => missing(one).length === 0), 'everybody to know all lines')
      .catch((error) => { throw new Error(`${error.message}: ${kept.length}; missing: ${people.map((one) => `${one.name}: ${missing(one)}`).join('; ')}`); });
    for (const one of people) {
      const lines = [...one.lines.values()];
      assert.deepEqual(lines.filter((line) => !said.has(line)), []);
      assert.equal(new Set(lines).size, lines.length, 'no line twice');
      assert.equal(one.heardTwice, 0);
    }
    const { room } = await people[0].join(people[0].code);
    assert.equal(room.members.length, people.length, 'nobody is there twice, and nobody was dropped');
    return said.size;
  }
}
