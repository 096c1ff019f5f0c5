// SPDX-License-Identifier: MIT
//
// TracksMenu: which sound, which subtitles, how large, how late; and subtitles of one's own.
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../i18n';
import { DELAY_MOST_MS, type Tracks, nameOf, setTextSize, sizes, textSize } from '../tracks';
import { Dialog } from './Dialog';
import { Icon } from './Icon';
import { Failure } from './parts';

const STEP_S = 0.5;

interface Row { id: string; name: string; note?: string | undefined; onRemove?: (() => void) | undefined }

function Choice({ legend, name, rows, chosen, onChoose }: { legend: string; name: string; rows: Row[]; chosen: string; onChoose: (id: string) => void }) {
  return (
    <fieldset class="choices">
      <legend>{legend}</legend>
      {rows.map(({ id, name: text, note, onRemove }) => (
        <div class="row" key={id}>
          <label class="grow">
            <input type="radio" name={name} value={id} checked={id === chosen} onChange={() => onChoose(id)} />
            <span class="grow"><bdi>{text}</bdi>{note && <span class="soft tiny"> {note}</span>}</span>
          </label>
          {onRemove && <button type="button" class="button bare icon small" aria-label={t('tracks.removeOne', { name: text })} onClick={onRemove}><Icon name="remove" size={18} /></button>}
        </div>
      ))}
    </fieldset>
  );
}

export function TracksMenu({ tracks, first, onClose }: { tracks: Tracks; first: number; onClose: () => void }) {
  const picker = useRef<HTMLInputElement>(null), { sounds, sound, texts, text, delayMs, shown, mayAdd, error } = tracks;
  useEffect(() => void tracks.look(), []);
  const notes = { embedded: undefined, external: t('tracks.external'), upload: t('tracks.uploaded') };
  const setDelay = (seconds: number) => { if (Number.isFinite(seconds)) tracks.setDelay(seconds * 1000); };
  return (
    <Dialog title={t('tracks.title')} onClose={onClose}>
      {sounds.value.length > 1 && (
        <Choice legend={t('tracks.audio')} name="sound" chosen={String(sound.value ?? first)} onChoose={(id) => tracks.chooseSound(Number(id))}
          rows={sounds.value.map(({ stream, name }) => ({ id: String(stream), name }))} />
      )}
      <Choice legend={t('tracks.subtitles')} name="text" chosen={text.value} onChoose={tracks.chooseText}
        rows={[{ id: '', name: t('tracks.off') }, ...texts.value.map((one) => ({ id: one.id, name: nameOf(one), note: notes[one.kind],
          onRemove: one.kind === 'upload' && mayAdd.value ? () => void tracks.remove(one.id) : undefined }))]} />
      {error.value !== undefined && <Failure error={error.value} onClose={() => { error.value = undefined; }} />}
      {mayAdd.value && <button type="button" class="button" onClick={() => picker.current?.click()}><Icon name="file" />{t('tracks.add')}</button>}
      <input ref={picker} type="file" accept=".srt,.vtt,.ass,.ssa" hidden aria-label={t('tracks.add')}
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          if (file) void tracks.add(file);
          currentTarget.value = '';
        }} />
      {shown.value && !shown.value.isImage && (
        <>
          <fieldset class="choices">
            <legend>{t('tracks.size')}</legend>
            <div class="row wrap">
              {sizes.map((one) => <label key={one}><input type="radio" name="size" checked={textSize.value === one} onChange={() => setTextSize(one)} />{t(`size.${one}`)}</label>)}
            </div>
          </fieldset>
          <div class="stack">
            <label for="delay">{t('tracks.delay')}</label>
            <div class="row wrap">
              <button type="button" class="button small" onClick={() => setDelay(delayMs.value / 1000 - STEP_S)}>{t('tracks.earlier')}</button>
              <input id="delay" class="field short" type="number" step="0.1" min={-DELAY_MOST_MS / 1000} max={DELAY_MOST_MS / 1000} value={delayMs.value / 1000} onChange={({ currentTarget }) => setDelay(currentTarget.valueAsNumber)} />
              <button type="button" class="button small" onClick={() => setDelay(delayMs.value / 1000 + STEP_S)}>{t('tracks.later')}</button>
            </div>
          </div>
        </>
      )}
    </Dialog>
  );
}
