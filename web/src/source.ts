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

export const fileObjection = ({ name, size }: File): string | undefined =>
  (size > TORRENT_MAX_BYTES || !/\.torrent$/i.test(name) ? t('start.badFile', { name }) : undefined);
