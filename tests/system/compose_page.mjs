// SPDX-License-Identifier: MIT
//
// compose_page: two people in Chromium watch a film together that comes through the containers of docker-compose.yml: from a seeder outside of them
// to browsers outside of them. tools/check-compose runs it. SHARESTREAM_TEST_SCREENSHOTS=<folder> keeps pictures.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { Yard, until } from './house.mjs';
import { Person, SHOTS, inStep, makeSwarm } from './person.mjs';
import { Door, reachable } from './stack.mjs';

test('somebody pastes a link, and a friend comes by the link of the room', async (t) => {
  const yard = new Yard(t), [plain] = await makeSwarm(yard), door = await Door.of(process.env.SHARESTREAM_TEST_DOOR ?? 'http-svc'), origin = `${door.origin}/`;
  const browser = await startChromium(t, yard), [ann, bob] = [await Person.come(browser, 'Ann', { origin }), await Person.come(browser, 'Bob', { origin })];
  const keep = (person, name) => SHOTS && person.page.screenshot({ path: path.join(SHOTS, `compose-${name}.png`) });

  await ann.page.goto(`${origin}?token=${door.token}`);
  await ann.page.fill('#source', await reachable(plain.link));
  await keep(ann, 'start');
  await ann.page.keyboard.press('Enter');
  assert.equal((await ann.playsBeyond(1)).way, 'direct');

  await ann.page.click('text=Watch together');
  await ann.page.fill('#name', 'Ann');
  await ann.page.keyboard.press('Enter');
  await ann.shows('.chat');
  const link = ann.page.url();
  assert.ok(!link.includes(door.token), 'the link of the room has no token in it');
  await bob.page.goto(link);
  await bob.page.fill('#name', 'Bob');
  await bob.page.keyboard.press('Enter');
  for (const { page } of [ann, bob]) await until(async () => (await page.locator('.member').count()) === 2, 'two to be there');

  await ann.page.fill('#say', 'Hello Bob');
  await ann.page.keyboard.press('Enter');
  await until(async () => (await bob.page.innerText('.chat')).includes('Hello Bob'), 'what Ann said');
  await bob.page.fill('#say', 'Hello Ann');
  await bob.page.keyboard.press('Enter');
  await until(async () => (await ann.page.innerText('.chat')).includes('Hello Ann'), 'what Bob said');

  for (const person of [ann, bob]) await until(async () => (await person.player())?.isThere, 'a picture');
  if ((await ann.player()).isPaused) await ann.page.click('media-play-button');
  await inStep(ann, bob, 'from the start');
  await keep(ann, 'room-ann');
  await keep(bob, 'room-bob');
  for (const person of [ann, bob]) await person.ends();
});
