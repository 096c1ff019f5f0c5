// SPDX-License-Identifier: MIT
//
// torrents: what the server has, kept up to date while somebody looks.
import { type Signal, signal } from '@preact/signals';
import { ApiError, api, listen, type Torrent } from './api';

export interface Torrents {
  list: Signal<Torrent[] | undefined>; // the one used last comes first; undefined: not known yet
  error: Signal<ApiError | undefined>;
  refresh(): Promise<void>;
  end(): void;
}

const used = ({ usedUnixMs = 0, addedUnixMs = 0 }: Torrent) => Math.max(usedUnixMs, addedUnixMs);
const RETRY_MS = 3000;

export function followTorrents(): Torrents {
  const list = signal<Torrent[] | undefined>(undefined), error = signal<ApiError | undefined>(undefined);
  let timer: ReturnType<typeof setTimeout> | undefined, stop: (() => void) | undefined, hasEnded = false;

  async function refresh(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    try {
      const found = await api.torrents();
      if (hasEnded) return;
      list.value = found.sort((a, b) => used(b) - used(a));
      error.value = undefined;
      stop ??= listen(undefined, { onProgress, onChanged: later, onOpen: (isOpen) => isOpen && later() });
    } catch (reason) {
      if (hasEnded) return;
      error.value = reason as ApiError;
      if (!error.value.wantsToken) timer = setTimeout(refresh, RETRY_MS);
    }
  }
  // Changes come in bursts.
  function later(): void {
    timer ??= setTimeout(refresh, 150);
  }
  function onProgress(torrent: Torrent): void {
    const known = list.value?.some(({ infoHash }) => infoHash === torrent.infoHash);
    if (!known) return later();
    list.value = list.value?.map((one) => (one.infoHash === torrent.infoHash ? { ...one, ...torrent } : one));
  }
  void refresh();
  return { list, error, refresh, end: () => { hasEnded = true; clearTimeout(timer); stop?.(); } };
}
