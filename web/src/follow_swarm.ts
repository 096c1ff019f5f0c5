// SPDX-License-Identifier: MIT
//
// follow_swarm: a torrent's swarm, asked for as long as somebody looks.
import { type Signal, signal } from '@preact/signals';
import { type SwarmPeer, type Torrent, type Tracker, api } from './api';
import { isGuest } from './grants';
import { type PieceMap, kindOf, kinds, readMap } from './swarm';

export interface Swarm {
  torrent: Signal<Torrent | undefined>;
  peers: Signal<SwarmPeer[] | undefined>; // who that is, and the trackers, guests are not told
  peerCount: Signal<number>;
  trackers: Signal<Tracker[]>;
  map: Signal<PieceMap | undefined>;
  error: Signal<unknown>;
  refresh(): Promise<void>;
  end(): void;
}

const LOOK_MS = 2000;
const CELLS = 1024;

export function followSwarm(hash: string): Swarm {
  const torrent = signal<Torrent | undefined>(undefined), peers = signal<SwarmPeer[] | undefined>(undefined), peerCount = signal(0), trackers = signal<Tracker[]>([]);
  const map = signal<PieceMap | undefined>(undefined), error = signal<unknown>(undefined);
  let hasEnded = false, timer: ReturnType<typeof setTimeout> | undefined;

  async function refresh(): Promise<void> {
    const [info, swarm, pieces] = await Promise.all([api.torrent(hash), isGuest.peek() ? undefined : api.peers(hash), api.pieces(hash, CELLS)]);
    if (hasEnded) return;
    torrent.value = info;
    if (swarm) {
      peers.value = [...swarm.peers].sort((a, b) => kinds.indexOf(kindOf(a)) - kinds.indexOf(kindOf(b)) || (b.downloadRate ?? 0) + (b.uploadRate ?? 0) - (a.downloadRate ?? 0) - (a.uploadRate ?? 0));
      peerCount.value = swarm.peerCount;
      trackers.value = swarm.trackers;
    }
    map.value = pieces.pieceCount > 0 ? readMap(pieces) : undefined;
    error.value = undefined;
  }

  async function look(): Promise<void> {
    if (!document.hidden) await refresh().catch((reason: unknown) => { error.value = reason; });
    if (!hasEnded) timer = setTimeout(() => void look(), LOOK_MS);
  }

  void look();
  return { torrent, peers, peerCount, trackers, map, error, refresh,
    end() {
      hasEnded = true;
      clearTimeout(timer);
    } };
}
