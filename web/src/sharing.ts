// SPDX-License-Identifier: MIT
//
// sharing: whether this browser shares a film with the others who watch it, and that it does (peer.ts, which comes when it is wanted).
// The player stays as it is: it asks the server, and on the way the service worker looks here first (worker_side.ts).
import { type Signal, computed, effect, signal } from '@preact/signals';
import { type Torrent, api } from './api';
import type { Film } from './film';
import { recall, remember } from './memory';
import type { Figures, Peer } from './peer';
import type { Ask, Seen, Told } from './relay';
import { here } from './router';
import { hasWorker, relayStream } from './worker_side';

// Why it cannot be; the words are share.unable.*.
export type Unable = 'webrtc' | 'worker' | 'private' | 'uploading' | 'made' | 'failed';
export interface Sharing {
  unable: Signal<Unable | undefined>;
  isOn: Signal<boolean>;
  figures: Signal<Figures | undefined>; // once it has begun
  switchTo(on: boolean): void;
  end(): void;
}
// `isUsual`: whether it is done where nobody has said anything. `tracker`: a path of ours.
interface Place { isUsual(): boolean; tracker(): string; iceServers(): Promise<RTCIceServer[]> }

const FIGURES_MS = 1000;

// What somebody chose counts for all films, and for next time.
const chosen = signal(recall('share'));
const savesData = (): boolean => (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true;

// Where no room says otherwise: the STUN servers that everybody may know. Each has an element of its own.
export async function publicIceServers(): Promise<RTCIceServer[]> {
  const answer = await fetch(here('ice-servers'));
  return answer.ok ? await answer.json() as RTCIceServer[] : [];
}

// What stands in the way whatever is in the film.
export function barOf(torrent: Torrent | undefined): Unable | undefined {
  if (typeof RTCPeerConnection === 'undefined') return 'webrtc';
  if (!hasWorker()) return 'worker';
  if (torrent?.isPrivate) return 'private';
  return torrent?.state === 'uploading' ? 'uploading' : undefined; // it has no hash that others could know
}

export function openSharing(film: Film, { isUsual, tracker, iceServers }: Place): Sharing {
  const hasFailed = signal(false), figures = signal<Figures | undefined>(undefined);
  const stream = computed(() => (film.torrent.value && film.file.value && film.media.value ? `${film.torrent.value.infoHash}/${film.file.value.id}` : undefined));
  const unable = computed<Unable | undefined>(() => {
    const bar = barOf(film.torrent.value);
    if (bar) return bar;
    if (film.media.value && film.media.value.way !== 'direct') return 'made';
    return hasFailed.value ? 'failed' : undefined;
  });
  const isOn = computed(() => unable.value === undefined && (chosen.value ? chosen.value === 'yes' : isUsual() && !savesData()));
  let peer: Peer | undefined;

  const fail = (reason: unknown) => {
    console.info('sharing has ended:', reason);
    hasFailed.value = true;
  };

  async function begin(ended: AbortSignal): Promise<void> {
    const { infoHash } = film.torrent.peek() ?? {}, file = film.file.peek(), media = film.media.peek();
    if (!infoHash || !file || !media) return;
    try {
      const [{ join }, metainfo, servers] = await Promise.all([import('./peer'), api.metainfo(infoHash), iceServers()]);
      if (ended.aborted) return;
      const address = new URL(here(tracker()));
      address.protocol = address.protocol.replace('http', 'ws');
      const joined = await join({ metainfo, file: file.id, fileBytes: file.sizeBytes, bytesPerS: file.sizeBytes / Math.max(1, media.media.durationUs / 1e6), tracker: address.href, iceServers: servers,
        // While the server has not got all of it, what it fetches next is decided by who reads from it.
        mayTake: () => (film.torrent.peek()?.progress ?? 0) >= 1, onEnd: fail });
      if (ended.aborted) return joined.end();
      peer = joined;
    } catch (reason) {
      if (!ended.aborted) fail(reason);
    }
  }

  const endEffect = effect(() => {
    if (!isOn.value || !stream.value) return undefined;
    const end = new AbortController(), timer = setInterval(() => { figures.value = peer?.figures(); }, FIGURES_MS);
    void begin(end.signal);
    return () => {
      end.abort();
      clearInterval(timer);
      peer?.end();
      peer = undefined;
      figures.value = undefined;
    };
  });

  // Also while it is off: it may be switched on in the middle of a film.
  const endRelay = effect(() => {
    const name = stream.value, file = film.file.peek();
    if (!name || !file || (unable.value && unable.value !== 'failed')) return undefined;
    return relayStream(name, { answer: () => ({ size: file.sizeBytes, type: file.mediaType }), open: serve, onDistrust: (why) => fail(`the player could not play what passed by: ${why}`) });
  });

  function serve(port: MessagePort): void {
    let of: Peer | undefined, reader: ReturnType<Peer['open']> | undefined;
    port.onmessage = async ({ data }: MessageEvent<Ask | Seen>) => {
      if (of !== peer) {
        of = peer;
        reader = peer?.open();
      }
      if ('from' in data) {
        if (data.bytes) reader?.take(data.from, data.bytes);
        else port.close();
        return;
      }
      const told: Told = await reader?.ask(data.at, data.last) ?? { until: data.last + 1, wants: false };
      port.postMessage(told, 'bytes' in told ? [told.bytes.buffer] : []);
    };
  }

  return { unable, isOn, figures,
    switchTo(on) {
      hasFailed.value = false;
      chosen.value = on ? 'yes' : 'no';
      remember('share', chosen.value);
    },
    end() {
      endEffect();
      endRelay();
    } };
}
