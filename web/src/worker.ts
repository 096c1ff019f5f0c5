// SPDX-License-Identifier: MIT
//
// worker: the page's service worker. It stands between players and the server: what a page has of a film from others (sharing.ts) it
// gives to the player, the rest comes from the server, and the page hears of that too. And when there is no server at all, it says so.
import { offlineWords } from './offline';
import { type Answer, type Ask, type Call, type Seen, type Told, readRange, streamOf } from './relay';

// What of this world is needed here; the page's own types are of another.
interface Waiting extends Event { waitUntil(work: Promise<unknown>): void }
interface Fetching extends Waiting { request: Request; clientId: string; respondWith(answer: Promise<Response>): void }
interface World {
  addEventListener(name: 'install' | 'activate' | 'message', hear: (event: Waiting) => void): void;
  addEventListener(name: 'fetch', hear: (event: Fetching) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void>; get(id: string): Promise<{ postMessage(message: unknown, ports: MessagePort[]): void } | undefined> };
}

const world = self as unknown as World;
const ANSWER_MS = 1000;
const FAILURES_MAX = 12, PAUSE_MS = 300; // of the server, before the player is told; it waits longer each time, 23 s in all

world.addEventListener('install', (event) => event.waitUntil(world.skipWaiting()));
world.addEventListener('activate', (event) => event.waitUntil(world.clients.claim()));
world.addEventListener('message', () => {}); // to hear something is all that is wanted
world.addEventListener('fetch', (event) => {
  const { request, clientId } = event, url = new URL(request.url), stream = streamOf(url);
  if (request.method !== 'GET') return;
  if (request.mode === 'navigate') event.respondWith(fetch(request).catch(offline));
  else if (stream && url.origin === location.origin) event.respondWith(relay(request, clientId, stream));
});

// ---- without a server

function offline(): Response {
  const { language, direction, title, text, again } = offlineWords();
  // The words are our own.
  return new Response(`<!doctype html><html lang="${language}" dir="${direction}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title} – ShareStream</title><style>:root{color-scheme:light dark}body{max-width:32rem;margin:20vh auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif}</style>
<main><h1>${title}</h1><p>${text}</p><p><a href="">${again}</a></p></main></html>`,
  { status: 503, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" } });
}

// ---- bytes of a film

// The page's next word, or none within the time.
function ask<T>(port: MessagePort, say: () => void): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), ANSWER_MS);
    port.onmessage = ({ data }: MessageEvent<T>) => {
      clearTimeout(timer);
      resolve(data);
    };
    say();
  });
}

// As if we had made it, which the player is to believe of all that it gets (relay.ts).
const ownAnswer = (answer: Response): Response => new Response(answer.body, answer);

async function relay(request: Request, clientId: string, stream: string): Promise<Response> {
  const page = await world.clients.get(clientId), { port1: port, port2 } = new MessageChannel();
  const answer = page && await ask<Answer>(port, () => page.postMessage({ stream } satisfies Call, [port2]));
  const range = answer && readRange(request.headers.get('range'), answer.size);
  if (!answer || !range) {
    port.close();
    return ownAnswer(await fetch(request));
  }
  const { first, last } = range;
  return new Response(bytesOf(request.url, port, first, last), { status: 206, headers: { 'content-type': answer.type, 'accept-ranges': 'bytes',
    'content-range': `bytes ${first}-${last}/${answer.size}`, 'content-length': String(last - first + 1), 'cache-control': 'no-store' } });
}

// As fast as the player takes them.
function bytesOf(url: string, port: MessagePort, first: number, last: number): ReadableStream<Uint8Array> {
  let at = first, isDeaf = false, hasEnded = false, failures = 0, server: ReadableStreamDefaultReader<Uint8Array> | undefined, abort: AbortController | undefined;
  const leave = () => {
    abort?.abort();
    abort = server = undefined;
  };
  const fetchFrom = async (from: number, until: number) => {
    abort = new AbortController();
    const answer = await fetch(url, { headers: { range: `bytes=${from}-${until}` }, signal: abort.signal });
    // That another question will not change; the page may know another address, with a grant that holds.
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) failures = FAILURES_MAX;
    if (answer.status !== 206 || !answer.body) throw new Error(`the server said ${answer.status}`);
    return answer.body.getReader();
  };
  // Nothing: ask again. A server drops who reads nothing for long, as a player does that stands still; or it was started anew.
  const readOn = async (until: number): Promise<Uint8Array | undefined> => {
    try {
      server ??= await fetchFrom(at, until);
      const { done, value } = await server.read();
      if (done) leave();
      else failures = 0;
      return value;
    } catch (error) {
      leave();
      if (++failures > FAILURES_MAX || hasEnded) throw error;
      await new Promise((resolve) => { setTimeout(resolve, failures * PAUSE_MS); });
      return undefined;
    }
  };
  const finish = () => {
    hasEnded = true;
    leave();
    port.postMessage({ from: at } satisfies Seen);
    port.close();
  };
  return new ReadableStream<Uint8Array>({
    async pull(player) {
      try {
        for (;;) {
          if (hasEnded) return;
          if (at > last) {
            finish();
            return player.close();
          }
          const told = isDeaf ? undefined : await ask<Told>(port, () => port.postMessage({ at, last } satisfies Ask));
          // A page that says nothing has gone, or stands still: the film must not.
          isDeaf ||= told === undefined;
          if (told && 'bytes' in told) {
            leave();
            at += told.bytes.byteLength;
            return player.enqueue(told.bytes);
          }
          const value = await readOn(told ? Math.min(last, told.until - 1) : last);
          if (!value) continue;
          if (told?.wants) {
            const bytes = value.slice();
            port.postMessage({ from: at, bytes } satisfies Seen, [bytes.buffer]);
          }
          at += value.byteLength;
          return player.enqueue(value);
        }
      } catch (error) {
        finish();
        player.error(error);
      }
    },
    cancel: finish,
  }, { highWaterMark: 0 });
}
