// SPDX-License-Identifier: MIT
//
// source: what somebody gives to be watched, looked at before the server is asked.
import { t } from './i18n';

const HASH = /^([0-9a-f]{40}|[a-z2-7]{32})$/i;
const TORRENT_MAX_BYTES = 16 << 20;

// Why this cannot be meant.
export function objection(source: string): string | undefined {
  if (source === '') return t('start.needsSource');
  if (HASH.test(source) || /^magnet:\?.*xt=urn:bt/i.test(source) || /^https?:\/\/\S+$/i.test(source)) return undefined;
  return /^magnet:/i.test(source) ? t('start.badMagnet') : t('start.badSource');
}

const FILM = /\.(3gp|aac|avi|flac|flv|m2ts|m4a|m4v|mka|mkv|mov|mp3|mp4|mpe?g|mts|oga|ogg|ogv|opus|ts|vob|wav|webm|wmv)$/i;
export const FILES_ACCEPTED = '.torrent,application/x-bittorrent,video/*,audio/*,.mkv,.avi,.m2ts,.ts,.flv,.wmv,.vob';

// What is to be sent to the server, as it is.
export const isFilmFile = ({ name, type }: File): boolean => /^(video|audio)\//.test(type) || FILM.test(name);

export const fileObjection = (file: File): string | undefined =>
  (isFilmFile(file) || (file.size <= TORRENT_MAX_BYTES && /\.torrent$/i.test(file.name)) ? undefined : t('start.badFile', { name: file.name }));
