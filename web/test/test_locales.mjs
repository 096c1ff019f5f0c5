// SPDX-License-Identifier: MIT
//
// Every language says everything, with the same things to fill in, and everything that is said is used.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { languages } from '../src/languages.ts';

const web = process.env.WEB_DIR;
const read = (name) => JSON.parse(fs.readFileSync(path.join(web, 'locales', `${name}.json`), 'utf8'));
const placeholders = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
const english = read('en');

test('there is a file for each language, and no other', () => {
  assert.deepEqual(fs.readdirSync(path.join(web, 'locales')).sort(), Object.keys(languages).map((name) => `${name}.json`).sort());
});

for (const name of Object.keys(languages)) {
  test(`${name} says all that English says`, () => {
    const words = read(name);
    assert.deepEqual(Object.keys(words), Object.keys(english), 'the same keys in the same order');
    const rules = new Intl.PluralRules(name);
    for (const [key, text] of Object.entries(words)) {
      const reference = english[key];
      assert.equal(typeof text, typeof reference, key);
      if (typeof text === 'string') {
        assert.ok(text.trim(), key);
        assert.deepEqual(placeholders(text), placeholders(reference), key);
        continue;
      }
      for (const count of [0, 1, 2, 3, 11, 100, 1000000]) assert.ok(text[rules.select(count)] ?? text.other, `${key} of ${count}`);
      for (const form of Object.values(text)) for (const word of placeholders(form)) assert.ok(placeholders(reference.other).includes(word), `${key}: ${word}`);
    }
  });
}

test('another language is another language', () => {
  for (const name of Object.keys(languages)) {
    if (name === 'en') continue;
    const words = read(name), same = Object.keys(english).filter((key) => typeof english[key] === 'string' && words[key] === english[key] && /\w{4}/.test(english[key].replace(/\{\w+\}/g, '')));
    assert.ok(same.length < Object.keys(english).length / 10, `${name}: ${same.join(', ')}`);
  }
});

test('no word is left that nobody says', () => {
  const walk = (folder) => fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => entry.isDirectory() ? walk(path.join(folder, entry.name)) : [path.join(folder, entry.name)]);
  const text = walk(path.join(web, 'src')).map((file) => fs.readFileSync(file, 'utf8')).join('\n');
  // Those of a family are put together from a word of the services.
  const families = [...text.matchAll(/`(\w+)\.\$\{/g)].map(([, word]) => `${word}.`);
  const unused = Object.keys(english).filter((key) => !text.includes(`'${key}'`) && !families.some((family) => key.startsWith(family)));
  assert.deepEqual(unused, []);
});

test('every refusal of a room has words', () => {
  const source = fs.readFileSync(path.join(web, '../services/room-svc/core/room.h'), 'utf8');
  const codes = [...source.matchAll(/X\(ROOM_\w+, "(\w+)"/g)].map(([, word]) => word).filter((word) => word !== 'ok');
  assert.ok(codes.length > 15, 'the list of them is read');
  const protocol = fs.readFileSync(path.join(web, '../docs/room-protocol.md'), 'utf8');
  const [, whys] = /### Why\n([^#]+)/.exec(protocol);
  codes.push(...[...whys.matchAll(/`"(\w+)"`/g)].map(([, word]) => `out_${word}`));
  for (const code of codes) assert.ok(english[`room.${code}`], code);
});
