// SPDX-License-Identifier: MIT
//
// router: which view the address means. The page knows where it lies by its <base>: http-svc writes it relative to the path asked for,
// so that nothing but the address bar need know what a proxy in front put before it.
import { signal } from '@preact/signals';

export const adminParts = ['services', 'torrents', 'jobs', 'rooms', 'settings', 'log'] as const;
export type AdminPart = (typeof adminParts)[number];
export type Place =
  | { view: 'start'; magnet?: string }
  | { view: 'watch'; source: string; file?: number }
  | { view: 'room'; code: string; screen?: 'remote' } // remote: without the film
  | { view: 'admin'; part?: AdminPart }
  | { view: 'nowhere' };

const base = new URL(document.baseURI);

// An address of this server, from a path without a slash at its front.
export const here = (path: string): URL => new URL(path, base);

export function readPlace(address: URL): Place {
  const path = address.pathname.startsWith(base.pathname) ? address.pathname.slice(base.pathname.length) : undefined;
  const [first, second, ...more] = path?.split('/') ?? [undefined];
  const asked = address.searchParams, magnet = asked.get('magnet') ?? undefined;
  if (more.length > 0) return { view: 'nowhere' };
  if (first === '' && second === undefined) return magnet ? { view: 'start', magnet } : { view: 'start' };
  if (first === 'admin' && second === undefined) {
    const part = adminParts.find((one) => one === asked.get('part'));
    return part ? { view: 'admin', part } : { view: 'admin' };
  }
  if (first === 'room' && second) {
    try {
      const room: Place = { view: 'room', code: decodeURIComponent(second) };
      return asked.get('screen') === 'remote' ? { ...room, screen: 'remote' } : room;
    } catch {
      return { view: 'nowhere' };
    }
  }
  if (first === 'watch' && second === undefined) {
    const source = asked.get('torrent') ?? magnet, file = asked.get('file');
    if (!source) return { view: 'start' };
    return file && /^\d{1,9}$/.test(file) ? { view: 'watch', source, file: Number(file) } : { view: 'watch', source };
  }
  return { view: 'nowhere' };
}

export function addressOf(place: Place): URL {
  if (place.view === 'room') return here(`room/${encodeURIComponent(place.code)}${place.screen ? `?screen=${place.screen}` : ''}`);
  if (place.view === 'admin') return here(`admin${place.part ? `?part=${place.part}` : ''}`);
  if (place.view === 'watch') {
    const address = here('watch');
    address.searchParams.set('torrent', place.source);
    if (place.file !== undefined) address.searchParams.set('file', String(place.file));
    return address;
  }
  return here('.');
}

export const place = signal<Place>(readPlace(new URL(location.href)));

export function go(to: Place, replaces = false): void {
  history[replaces ? 'replaceState' : 'pushState'](null, '', addressOf(to));
  place.value = to;
  if (!replaces) scrollTo(0, 0);
}

addEventListener('popstate', () => { place.value = readPlace(new URL(location.href)); });
