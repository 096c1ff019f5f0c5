// SPDX-License-Identifier: MIT
//
// api: docs/openapi.yaml, as far as the page uses it. Every failure is an ApiError, also "there is no server".
import { signal } from '@preact/signals';
import { renewed } from './grants';
import { forget, recall, remember } from './memory';
import { here } from './router';

export type State = 'unknown' | 'metadata' | 'checking' | 'downloading' | 'finished' | 'seeding' | 'paused' | 'failed' | 'hashing' | 'uploading';
export interface File { id: number; path: string; sizeBytes: number; readyBytes: number; progress: number; mediaType: string; kind: string; isWanted: boolean; isFirst?: boolean }
export interface Torrent {
  infoHash: string; name: string; state: State; error?: string; hasMetadata: boolean; sizeBytes: number; progress: number;
  downloadRate: number; uploadRate: number; peers: number; seeds: number; browsers?: number; checkProgress?: number; addedUnixMs?: number; usedUnixMs?: number; isSeed?: boolean; isPrivate?: boolean;
  downloadedBytes?: number; uploadedBytes?: number; pieceCount?: number; files: File[];
}
export interface MediaStream_ { index: number; kind: string; codec: string; codecString: string; language: string; title: string; width?: number; height?: number;
  bitrate?: number; frameRate?: number; channels?: number; sampleRate?: number }
export interface Chapter { fromUs: number; untilUs: number; title: string }
export interface Media { media: { container: string; durationUs: number; streams: MediaStream_[]; chapters: Chapter[]; video: number; audio: number };
  way: 'unplayable' | 'direct' | 'remux' | 'sound' | 'full'; why: string }
export interface Subtitle { id: string; kind: 'embedded' | 'external' | 'upload'; name: string; language: string; isForced: boolean; isImpaired: boolean; isImage: boolean;
  playlist: string; script?: string }
export interface Diagnosis { summary: string; advice: string; code: string; state: State; peers?: number; seeds?: number; downloadRate?: number; neededBytesPerS?: number; estimateMs?: number }
export interface SwarmPeer { address: string; client: string; flags?: string[]; downloadRate?: number; uploadRate?: number; downloadedBytes?: number; uploadedBytes?: number; pieces?: number }
export interface Tracker { url: string; message?: string; isWorking?: boolean; fails?: number; seeds?: number; peers?: number }
// One byte for each cell, in base64url; see docs/openapi.yaml.
export interface Pieces { pieceCount: number; pieceBytes: number; cellPieces: number; ready: string; state: string; peers: string; readers: { piece?: number }[] }
export interface UploadState { infoHash: string; receivedBytes?: number; tailBytes?: number; pieceBytes: number }
export interface MediaEntry { name: string; path: string; isFolder?: boolean; sizeBytes?: number }
export interface RoomSummary { code: string; title: string; members: number; hasPassword: boolean; film: string; isPlaying: boolean }
export interface Stats { torrent: { torrents: number; downloadRate: number; uploadRate: number; peers?: number; diskUsedBytes?: number;
  diskQuotaBytes?: number; diskFreeBytes?: number; diskFloorBytes?: number; listenPort?: number; hasIncoming?: boolean } | null;
  http: { streams: number; connections: number; needsToken: boolean } }

// `code` is the services' word, or "offline".
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly advice?: string, readonly retryAfterS?: number) {
    super(message);
  }

  get wantsToken(): boolean {
    return this.status === 401;
  }
}

// ---- the admin token, if this server wants one

export const token = signal(recall('token') ?? '');

export function setToken(value: string): void {
  token.value = value;
  if (value) remember('token', value);
  else forget('token');
}

// `sharestream up` and notes of operators give addresses with it; it is kept, and not shown any longer.
export function takeTokenFromAddress(): void {
  const address = new URL(location.href), given = address.searchParams.get('token');
  if (!given) return;
  setToken(given);
  address.searchParams.delete('token');
  history.replaceState(null, '', address);
}

// ---- questions

async function failure(answer: Response): Promise<ApiError> {
  let code = 'internal', message = answer.statusText, advice: string | undefined;
  const retry = Number(answer.headers.get('retry-after'));
  try {
    const { error } = await answer.json() as { error: { code: string; message: string; advice?: string } | string };
    if (typeof error === 'string') message = error;
    else ({ code, message, advice } = error);
  } catch { /* a proxy's page, or nothing */ }
  return new ApiError(answer.status, code, message, advice, retry > 0 ? retry : undefined);
}

async function answerTo(method: string, path: string, body?: BodyInit | object, signal?: AbortSignal): Promise<Response> {
  const headers = new Headers();
  if (token.value) headers.set('Authorization', `Bearer ${token.value}`);
  const isBytes = body instanceof Blob;
  if (body) headers.set('Content-Type', !isBytes ? 'application/json' : path === 'torrents' ? 'application/x-bittorrent' : 'application/octet-stream');
  let answer: Response;
  try {
    answer = await fetch(method === 'GET' ? renewed(here(`api/v1/${path}`).href) : here(`api/v1/${path}`), { method, headers, ...(body ? { body: isBytes ? body : JSON.stringify(body) } : {}), ...(signal ? { signal } : {}) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'offline', String(error));
  }
  if (!answer.ok) throw await failure(answer);
  return answer;
}

export async function ask<T>(method: string, path: string, body?: BodyInit | object, signal?: AbortSignal): Promise<T> {
  const answer = await answerTo(method, path, body, signal);
  return answer.status === 204 ? undefined as T : await answer.json() as T;
}

export const api = {
  torrents: async (): Promise<Torrent[]> => (await ask<{ torrents: Torrent[] }>('GET', 'torrents')).torrents,
  torrent: (hash: string, signal?: AbortSignal): Promise<Torrent> => ask('GET', `torrents/${hash}`, undefined, signal),
  add: async (source: string | Blob): Promise<string> =>
    (await ask<{ infoHash: string }>('POST', 'torrents', typeof source === 'string' ? { source } : source)).infoHash,
  remove: (hash: string): Promise<void> => ask('DELETE', `torrents/${hash}`),
  upload: (hash: string): Promise<UploadState> => ask('GET', `uploads/${hash}`),
  mediaFolder: (path: string): Promise<{ hasFolder?: boolean; isCut?: boolean; entries: MediaEntry[] }> => ask('GET', `media?path=${encodeURIComponent(path)}`),
  // '': it is still being read.
  seed: async (path: string, waitMs: number, signal?: AbortSignal): Promise<string> => (await ask<{ infoHash?: string }>('POST', 'seed', { path, waitMs }, signal)).infoHash ?? '',
  resume: (hash: string): Promise<void> => ask('POST', `torrents/${hash}/resume`),
  media: (hash: string, file: number, can: string[], signal?: AbortSignal): Promise<Media> =>
    ask('GET', `torrents/${hash}/files/${file}/media?can=${encodeURIComponent(can.join(','))}`, undefined, signal),
  diagnosis: (hash: string, file: number, position = 0): Promise<Diagnosis> => ask('GET', `torrents/${hash}/files/${file}/diagnosis?position=${position}`),
  ready: async (hash: string, file: number, signal?: AbortSignal): Promise<[from: number, until: number][]> =>
    (await ask<{ ranges: [number, number][] }>('GET', `torrents/${hash}/files/${file}/ready`, undefined, signal)).ranges,
  subtitles: async (hash: string, file: number, signal?: AbortSignal): Promise<Subtitle[]> =>
    (await ask<{ subtitles: Subtitle[] }>('GET', `torrents/${hash}/files/${file}/subtitles`, undefined, signal)).subtitles,
  // That the scripts of this film want.
  fonts: async (hash: string, file: number, signal?: AbortSignal): Promise<string[]> =>
    (await ask<{ fonts: { url: string }[] }>('GET', `torrents/${hash}/files/${file}/subtitles`, undefined, signal)).fonts.map(({ url }) => url),
  addSubtitle: (hash: string, file: number, data: Blob, name: string): Promise<Subtitle> =>
    ask('POST', `torrents/${hash}/files/${file}/subtitles?name=${encodeURIComponent(name)}`, data),
  removeSubtitle: (hash: string, file: number, id: string): Promise<void> => ask('DELETE', `torrents/${hash}/files/${file}/subtitles/${id}`),
  metainfo: async (hash: string): Promise<Uint8Array> => new Uint8Array(await (await answerTo('GET', `torrents/${hash}/metainfo`)).arrayBuffer()),
  peers: (hash: string): Promise<{ peers: SwarmPeer[]; peerCount: number; trackers: Tracker[] }> => ask('GET', `torrents/${hash}/peers`),
  pieces: (hash: string, cells: number): Promise<Pieces> => ask('GET', `torrents/${hash}/pieces?cells=${cells}`),
  // Which files, and which of them before the others; none: all of them.
  select: (hash: string, files: number[], first: number[]): Promise<void> => ask('PUT', `torrents/${hash}/select`, { files, first }),
  link: async (hash: string, file: number): Promise<string> => (await ask<{ url: string }>('GET', `torrents/${hash}/files/${file}/link`)).url,
  rooms: async (): Promise<RoomSummary[]> => (await ask<{ rooms: RoomSummary[] }>('GET', 'rooms')).rooms,
  createRoom: async (source?: string, file?: number, name?: string): Promise<string> =>
    (await ask<{ code: string }>('POST', 'rooms', { ...(source ? { source } : {}), ...(file !== undefined ? { file: String(file) } : {}), ...(name ? { name } : {}) })).code,
  stats: (): Promise<Stats> => ask('GET', 'stats'),
};

// ---- events

const AGAIN_MS = 2000;
const GONE_CODE = 1000; // the torrent has been removed

export interface Listener { onProgress(torrent: Torrent): void; onChanged(): void; onOpen(isOpen: boolean): void }

const REOPEN_MS = 5000;

// About one torrent, or about all. The browser comes back by itself; what was missed is asked for by onOpen(). Returns what ends it.
export function listen(hash: string | undefined, { onProgress, onChanged, onOpen }: Listener): () => void {
  const address = (): URL => {
    const plain = here(hash ? `api/v1/torrents/${hash}/events` : 'api/v1/events');
    if (token.value) plain.searchParams.set('token', token.value);
    return new URL(renewed(plain.href));
  };
  const hear = (event: string, data: string) => {
    if (event === 'progress') onProgress(JSON.parse(data) as Torrent);
    else if (event === 'changed') onChanged();
  };
  let end = () => {};
  // Where a proxy in front passes no WebSockets.
  const listenByHttp = () => {
    const source = new EventSource(address());
    let timer: ReturnType<typeof setTimeout> | undefined;
    for (const event of ['progress', 'changed']) source.addEventListener(event, ({ data }: MessageEvent<string>) => hear(event, data));
    source.onopen = () => onOpen(true);
    source.onerror = () => {
      onOpen(false);
      if (source.readyState === EventSource.CLOSED) awaitGrant();
    };
    // A browser gives up where it was refused; another grant may open it.
    const awaitGrant = () => {
      timer = setTimeout(() => (renewed(source.url) === source.url ? awaitGrant() : listenBySocket(false)), REOPEN_MS);
    };
    end = () => {
      clearTimeout(timer);
      source.close();
    };
  };
  // A browser has six connections to a server for all its tabs, which films need; WebSockets are not counted among them.
  const listenBySocket = (hasBeenOpen: boolean) => {
    const socketAddress = address();
    socketAddress.protocol = socketAddress.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(socketAddress);
    let timer: ReturnType<typeof setTimeout> | undefined;
    socket.onopen = () => {
      hasBeenOpen = true;
      onOpen(true);
    };
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      const [, event, text] = /^event: (.*)\ndata: (.*)/.exec(data) ?? [];
      if (event && text) hear(event, text);
    };
    socket.onclose = ({ code }) => {
      if (!hasBeenOpen) return listenByHttp();
      onOpen(false);
      if (code !== GONE_CODE) timer = setTimeout(() => listenBySocket(true), AGAIN_MS);
    };
    end = () => {
      clearTimeout(timer);
      socket.onclose = null;
      // Browsers complain about one that is closed before it is open.
      if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
      else socket.close();
    };
  };
  listenBySocket(false);
  return () => end();
}
