// SPDX-License-Identifier: MIT
//
// SeekMarks: on the bar to seek on, which parts of the film have been downloaded. By bytes, so it is about there in time.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { api } from '../api';
import type { Film } from '../film';

const EVERY_MS = 2000;
const WIDTH = 1000;

export function SeekMarks({ film }: { film: Film }) {
  const path = useSignal<string | undefined>(undefined), hash = film.torrent.value?.infoHash, { id, sizeBytes = 0 } = film.file.value ?? {};
  useEffect(() => {
    if (!hash || id === undefined || sizeBytes === 0) return undefined;
    const ended = new AbortController();
    const look = async () => {
      try {
        const ranges = await api.ready(hash, id, ended.signal), isWhole = ranges[0]?.[0] === 0 && ranges[0][1] >= sizeBytes;
        const place = (at: number) => Math.round(at / sizeBytes * WIDTH);
        path.value = isWhole ? undefined : ranges.map(([from, until]) => `M${place(from)} 0H${Math.max(place(until), place(from) + 1)}V1H${place(from)}Z`).join('');
        if (isWhole) clearInterval(timer);
      } catch { /* what is wrong shows elsewhere */ }
    };
    const timer = setInterval(look, EVERY_MS);
    void look();
    return () => {
      clearInterval(timer);
      ended.abort();
    };
  }, [hash, id, sizeBytes]);
  // With all of it here there is nothing to tell.
  return path.value === undefined ? null : <svg class="ready" viewBox={`0 0 ${WIDTH} 1`} preserveAspectRatio="none" aria-hidden="true"><path d={path.value} /></svg>;
}
