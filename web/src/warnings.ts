// SPDX-License-Identifier: MIT
//
// warnings: what an operator should look at, by what is known. Pure; the words are in locales, `warn.<key>` and `warnText.<key>`.
import type { Service, Services, Setting } from './admin';
import type { Stats } from './api';

export type WarningKey = 'failed' | 'backoff' | 'degraded' | 'full' | 'quota' | 'open' | 'turn' | 'closed' | 'incoming' | 'debug' | 'alone';
export interface Warning { key: WarningKey; kind: 'bad' | 'warn' | 'info'; name?: string; detail?: string; port?: number }
export interface Known { services?: Services | undefined; stats?: Stats | undefined; http?: Setting[] | undefined; room?: Setting[] | undefined }

// Whoever shares something is usually found by others in a few minutes.
const PATIENCE_MS = 15 * 60000;
// So little above the floor that the next film may not fit.
const NEARLY_BYTES = 2e9;

const isLoopback = (address: string) => /^(127\.|localhost\b|\[?::1\b)/.test(address);

function ofService({ name, state, lastDeath, degradedText }: Service): Warning[] {
  if (state === 'failed') return [{ key: 'failed', kind: 'bad', name, detail: lastDeath }];
  if (state === 'backoff') return [{ key: 'backoff', kind: 'warn', name, detail: lastDeath }];
  return degradedText ? [{ key: 'degraded', kind: 'warn', name, detail: degradedText }] : [];
}

export function warningsOf({ services, stats, http, room }: Known): Warning[] {
  const list = services?.services ?? [], found = list.flatMap(ofService), torrent = stats?.torrent;
  const value = (settings: Setting[], name: string) => settings.find((one) => one.name === name)?.value ?? '';
  const torrentUpMs = list.find(({ name }) => name === 'torrent.0')?.uptimeMs ?? 0;

  if (torrent?.diskFreeBytes !== undefined && torrent.diskFreeBytes < (torrent.diskFloorBytes ?? 0) + NEARLY_BYTES) found.push({ key: 'full', kind: 'warn' });
  if (torrent?.diskQuotaBytes && (torrent.diskUsedBytes ?? 0) > torrent.diskQuotaBytes * 0.9) found.push({ key: 'quota', kind: 'info' });
  // A proxy in front would be named, or the address begin with https.
  if (http && !isLoopback(value(http, 'http.listen')) && !value(http, 'http.trusted_proxies') && !value(http, 'http.public_url').startsWith('https:'))
    found.push({ key: 'open', kind: 'warn' });
  if (room && !value(room, 'room.turn_urls') && !value(room, 'room.cloudflare_key_id')) found.push({ key: 'turn', kind: 'info' });
  if (torrent?.listenPort === 0) found.push({ key: 'closed', kind: 'warn' });
  else if (torrent?.hasIncoming === false && torrent.torrents > 0 && torrentUpMs > PATIENCE_MS) found.push({ key: 'incoming', kind: 'info', port: torrent.listenPort ?? 0 });
  found.push(...list.filter(({ logLevel }) => logLevel === 'debug').map(({ name }): Warning => ({ key: 'debug', kind: 'info', name })));
  if (services?.hasSupervisor === false) found.push({ key: 'alone', kind: 'info' });
  return found;
}
