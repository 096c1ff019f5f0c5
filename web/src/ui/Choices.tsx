// SPDX-License-Identifier: MIT
//
// Choices: one of some.
import { t } from '../i18n';
import { Icon } from './Icon';

export interface Row { id: string; name: string; note?: string | undefined; onRemove?: (() => void) | undefined }

export function Choices({ legend, name, rows, chosen, onChoose }: { legend: string; name: string; rows: Row[]; chosen: string; onChoose: (id: string) => void }) {
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
