// SPDX-License-Identifier: MIT
//
// MediaFolder: films on the disk of the server, to choose one. Before it can be played all of it is read once there.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { type MediaEntry, api } from '../api';
import { bytes, t } from '../i18n';
import { go } from '../router';
import { Dialog } from './Dialog';
import { Icon } from './Icon';
import { Failure, Notice } from './parts';

const WAIT_MS = 20000;

async function open(path: string, ended: AbortSignal): Promise<void> {
  for (;;) {
    const hash = await api.seed(path, WAIT_MS, ended);
    if (hash) return go({ view: 'watch', source: hash });
  }
}

export default function MediaFolder({ onClose }: { onClose: () => void }) {
  const inside = useSignal<string[]>([]), entries = useSignal<MediaEntry[] | undefined>(undefined), isCut = useSignal(false);
  const error = useSignal<unknown>(undefined), opening = useSignal<string | undefined>(undefined), end = useSignal(new AbortController());
  useEffect(() => () => end.value.abort(), []);
  useEffect(() => {
    const asked = inside.value;
    entries.value = undefined;
    api.mediaFolder(asked.join('/')).then((found) => {
      if (inside.value !== asked) return;
      entries.value = found.entries;
      isCut.value = found.isCut ?? false;
    }, (reason: unknown) => { error.value = reason; });
  }, [inside.value]);
  const choose = async ({ name, path, isFolder }: MediaEntry) => {
    error.value = undefined;
    if (isFolder) {
      inside.value = [...inside.value, name];
      return;
    }
    opening.value = path;
    try {
      await open(path, end.value.signal);
    } catch (reason) {
      if (!end.value.signal.aborted) error.value = reason;
      opening.value = undefined;
    }
  };
  return (
    <Dialog title={t('folder.title')} onClose={onClose}>
      {error.value !== undefined && <Failure error={error.value} onClose={() => { error.value = undefined; }} />}
      {opening.value !== undefined ? <div class="row" role="status"><span class="spinner" /><span>{t('folder.opening')}</span></div> : (
        <>
          {inside.value.length > 0 && (
            <button type="button" class="button small" onClick={() => { inside.value = inside.value.slice(0, -1); }}><Icon name="up" size={18} /><bdi>{inside.value.join(' / ')}</bdi></button>
          )}
          {entries.value?.length === 0 && <p class="soft">{t('folder.empty')}</p>}
          <ul class="folder">
            {entries.value?.map((entry) => (
              <li key={entry.name}>
                <button type="button" class="button bare" onClick={() => void choose(entry)}>
                  <Icon name={entry.isFolder ? 'folder' : 'play'} size={18} /><bdi class="grow">{entry.name}</bdi>
                  {!entry.isFolder && <span class="soft tiny">{bytes(entry.sizeBytes ?? 0)}</span>}
                </button>
              </li>
            ))}
          </ul>
          {isCut.value && <Notice kind="info" title={t('folder.cut')} />}
        </>
      )}
    </Dialog>
  );
}
