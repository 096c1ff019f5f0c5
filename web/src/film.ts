// SPDX-License-Identifier: MIT
//
// film: from "this torrent" to "this can be played, and so": the torrent, the file in it, what is in that file. Each step is tried until
// it works or cannot work; what is waited for is told by the server's diagnosis.
import { type Signal, signal } from '@preact/signals';
import { ApiError, api, listen, type Diagnosis, type File, type Media, type Torrent } from './api';
import { families, playsExactly, strains } from './codecs';
import { grants, isGuest } from './grants';

// A tab that was opened behind others begins to wait for its film when it is looked at first: that takes one of the six connections that a
// browser has for all of them. The torrent is fetched meanwhile.
let isSeen = !document.hidden;
const seen = new Promise<void>((resolve) => document.addEventListener('visibilitychange', () => {
  isSeen = true;
  resolve();
}, { once: true }));

const RETRY_MS = 2000;
const DIAGNOSIS_MS = 2000;

// `can`: what the server was told that this browser plays; `strains`: its picture as it is would be too much for this machine.
export interface Playable extends Media { can: string[]; strains: boolean }

export interface Film {
  torrent: Signal<Torrent | undefined>;
  file: Signal<File | undefined>;
  media: Signal<Playable | undefined>;
  diagnosis: Signal<Diagnosis | undefined>; // while it is asked for
  error: Signal<unknown>;                   // it cannot go on by itself
  asksWhy(wants: boolean, share?: () => number): void; // how far in the film, 0 to 1: why there
  again(): void;
  end(): void;
}

// What can be watched, or heard.
export const isFilm = ({ kind }: File): boolean => kind === 'video' || kind === 'audio';

// The one most people mean.
export function chooseFile(files: File[]): File | undefined {
  for (const kind of ['video', 'audio']) {
    const found = files.filter((file) => file.kind === kind).sort((a, b) => b.sizeBytes - a.sizeBytes)[0];
    if (found) return found;
  }
  return undefined;
}

// Nothing of it is here, and nobody is there to get it from: whoever asks for bytes now only holds one of the browser's connections.
export const isHopeless = ({ peers }: Torrent, { readyBytes }: File): boolean => peers === 0 && readyBytes === 0;

export const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export function openFilm(source: string, wanted?: number): Film {
  const torrent = signal<Torrent | undefined>(undefined), file = signal<File | undefined>(undefined), media = signal<Playable | undefined>(undefined);
  const diagnosis = signal<Diagnosis | undefined>(undefined), error = signal<unknown>(undefined);
  const end = new AbortController(), ended = end.signal;
  let hash: string | undefined, isStepping = false, isDue = false, stop: (() => void) | undefined, timer: ReturnType<typeof setTimeout> | undefined, why: ReturnType<typeof setInterval> | undefined;

  const later = (ms = RETRY_MS) => {
    clearTimeout(timer);
    if (!ended.aborted) timer = setTimeout(step, ms);
  };

  // What was sent to the server has a name of its own from the time before it was a torrent: guests were let in by that.
  const named = (found: Torrent, by: string): Torrent => (grants.peek().has(by) ? { ...found, infoHash: by } : found);

  async function find(): Promise<Torrent> {
    hash ??= /^magnet:|^https?:/i.test(source) ? await api.add(source) : source;
    try {
      return named(await api.torrent(hash, ended), hash);
    } catch (reason) {
      if (!(reason instanceof ApiError && reason.code === 'not_found')) throw reason;
      if (isGuest.peek()) throw new ApiError(404, 'not_here', '');
      await api.add(source);
      return api.torrent(hash, ended);
    }
  }

  async function look(): Promise<Playable> {
    const { infoHash } = torrent.value as Torrent, { id } = file.value as File;
    let can = families(), found = await api.media(infoHash, id, can, ended);
    if (found.way !== 'direct') {
      // Perhaps exactly these streams are played here, though not all of their kind.
      const exact = await playsExactly(found);
      if (exact.length > 0) {
        can = [...can, ...exact];
        found = await api.media(infoHash, id, can, ended);
      }
    }
    return { ...found, can, strains: await strains(found) };
  }

  // All is here: nothing more to hear.
  function rest(): void {
    stop?.();
    stop = () => {};
    if (torrent.value) torrent.value = { ...torrent.value, downloadRate: 0, uploadRate: 0, peers: 0 };
  }

  // One at a time: two that found the film would begin its player twice.
  async function step(): Promise<void> {
    clearTimeout(timer);
    isDue = isStepping;
    if (isDue) return;
    isStepping = true;
    await goOn();
    isStepping = false;
    if (isDue) later(0);
  }

  async function goOn(): Promise<void> {
    try {
      torrent.value = await find();
      if ((error.value as Partial<ApiError> | undefined)?.code === 'not_here') error.value = undefined;
      stop ??= listen(torrent.value.infoHash, { onChanged: () => later(0), onOpen: (isOpen) => isOpen && !media.value && later(0),
        onProgress: (now) => {
          const { hasMetadata: had, peers: knew = 0 } = torrent.value ?? {};
          torrent.value = { ...torrent.value, ...now, infoHash: torrent.value?.infoHash ?? now.infoHash, files: torrent.value?.files ?? [] };
          if (!media.value && (now.hasMetadata && !had || now.peers > 0 && knew === 0)) later(0);
          if (now.progress >= 1 && media.value) rest();
        } });
      if (!torrent.value.hasMetadata || torrent.value.files.length === 0) return later();
      const chosen = wanted ?? file.value?.id ?? chooseFile(torrent.value.files)?.id;
      file.value = torrent.value.files.find(({ id }) => id === chosen);
      if (!file.value) throw new ApiError(404, wanted === undefined ? 'no_film' : 'no_file', '');
      if (media.value) return torrent.value.progress >= 1 ? rest() : undefined;
      if (!isSeen) return;
      if (isHopeless(torrent.value, file.value)) return later();
      const found = await look();
      if (found.way === 'unplayable') throw new ApiError(415, 'invalid', found.why);
      media.value = found;
      error.value = undefined;
    } catch (reason) {
      if (ended.aborted) return;
      const { status = 500, retryAfterS } = reason as Partial<ApiError>;
      // What passes by itself is not told as an error; why it does not play is.
      if (status === 0 || status === 503 || status === 504 || status === 429) {
        if (status === 0) error.value = reason;
        later(retryAfterS ? retryAfterS * 1000 : RETRY_MS);
      } else if ((reason as ApiError).code === 'not_here') {
        error.value = reason;
        later(); // somebody may add it
      } else {
        const { code, message } = reason as ApiError;
        error.value = status === 415 && code === 'invalid' ? new ApiError(415, 'unreadable', message) : reason;
      }
    }
  }

  async function diagnose(share: number): Promise<void> {
    if (!torrent.value) return;
    try {
      diagnosis.value = await api.diagnosis(torrent.value.infoHash, file.value?.id ?? wanted ?? 0, Math.floor(share * (file.value?.sizeBytes ?? 0)));
    } catch { /* what is wrong shows elsewhere */ }
  }

  void step();
  if (!isSeen) void seen.then(() => later(0));
  return { torrent, file, media, diagnosis, error,
    asksWhy(wants, share = () => 0) {
      if (wants === (why !== undefined)) return;
      clearInterval(why);
      why = wants ? setInterval(() => void diagnose(share()), DIAGNOSIS_MS) : undefined;
      if (wants) void diagnose(share());
      else diagnosis.value = undefined;
    },
    again() {
      error.value = undefined;
      media.value = undefined;
      void step();
    },
    end() {
      end.abort();
      clearTimeout(timer);
      clearInterval(why);
      stop?.();
    } };
}
