// SPDX-License-Identifier: MIT
//
// admin: what the operator's view asks of the API (docs/openapi.yaml), and nobody else does.
import { ask, type Torrent } from './api';
import type { Room, Member } from './room';

export type Level = 'error' | 'warn' | 'info' | 'debug';
export const levels: Level[] = ['error', 'warn', 'info', 'debug'];
export interface Service {
  name: string; state: 'stopped' | 'starting' | 'ready' | 'stopping' | 'backoff' | 'failed' | 'away'; pid: number; uptimeMs: number; restarts: number; generation: number;
  residentBytes: number; cpuMs: number; readyText: string; degradedText: string; lastDeath: string; backoffMs: number; note: string; logLevel: Level | '';
  cpuShare: number; // of one processor, since the last time it was looked
}
export interface Services { hasSupervisor: boolean; version: string; uptimeMs: number; services: Service[] }
export interface Death { whenUnixMs: number; name: string; pid: number; generation: number; uptimeMs: number; cause: string; wasReady: boolean; action: string; lastLines: string[] }
export interface Setting { name: string; value: string; origin: 'default' | 'file' | 'environment'; place: string; fallback: string; help: string }
export interface LogLine { number: number; name: string; level: Level | ''; text: string }
export interface Logs { lines: LogLine[]; next: number; isMissed: boolean }
export interface Job { infoHash: string; file: number; what: string; state: string; waitedMs: number; clients: number }
export interface Jobs { jobs: Job[]; cacheBytes: number; cacheLimitBytes: number; workers: number; encoder: string; noEncoder: string }
export interface Limits { download: number; upload: number; maxConnections: number }
export interface RoomRow { code: string; title: string; members: number; hasPassword: boolean; createdMs: number; film: string; isPlaying: boolean }
export interface RoomPage { rooms: RoomRow[]; total: number; next: string }

// Asks for all services; how busy each is shows from the second time on.
export function servicesQuestion(): () => Promise<Services> {
  const before = new Map<string, { generation: number; cpuMs: number; atMs: number }>();
  return async () => {
    const found = await ask<Services>('GET', 'services'), atMs = performance.now();
    for (const service of found.services) {
      const { name, generation, cpuMs, uptimeMs } = service, last = before.get(name);
      service.cpuShare = last?.generation === generation && atMs > last.atMs ? Math.max(0, cpuMs - last.cpuMs) / (atMs - last.atMs) : uptimeMs > 0 ? cpuMs / uptimeMs : 0;
      before.set(name, { generation, cpuMs, atMs });
    }
    return found;
  };
}

const path = encodeURIComponent;

export const admin = {
  deaths: async (name: string): Promise<Death[]> => (await ask<{ deaths: Death[] }>('GET', `services/${path(name)}/deaths`)).deaths,
  restart: (name: string): Promise<void> => ask('POST', `services/${path(name)}/restart`),
  setLogLevel: (name: string, level: Level): Promise<unknown> => ask('PUT', `services/${path(name)}/log-level`, { level }),
  settings: async (name: string): Promise<Setting[]> => (await ask<{ settings: Setting[] }>('GET', `services/${path(name)}/settings`)).settings,
  logs: (service: string, level: Level, after: number): Promise<Logs> => ask('GET', `logs?${new URLSearchParams({ service, level, after: String(after), limit: after ? '1000' : '300' })}`),
  jobs: (): Promise<Jobs> => ask('GET', 'jobs'),
  limits: (): Promise<Limits> => ask('GET', 'limits'),
  setLimits: (limits: Limits): Promise<Limits> => ask('PUT', 'limits', limits),
  rooms: (after: string): Promise<RoomPage> => ask('GET', `rooms?${new URLSearchParams({ after })}`),
  members: async (code: string): Promise<Member[]> => (await ask<Room>('GET', `rooms/${path(code)}`)).members,
  closeRoom: (code: string): Promise<void> => ask('DELETE', `rooms/${path(code)}`),
  kick: (code: string, id: string, bans: boolean): Promise<void> => ask('POST', `rooms/${path(code)}/kick`, { id, bans }),
};

// What of it lies on the disk. Files of our own that are shared (isSeed) are not counted: nobody deletes them.
export const bytesOf = ({ sizeBytes, progress }: Torrent): number => sizeBytes * progress;
