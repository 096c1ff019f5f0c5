// SPDX-License-Identifier: MIT
//
// KeysHelp: what the keyboard does.
import { t } from '../i18n';
import { rows } from '../keys';
import { Dialog } from './Dialog';

export const KeysHelp = ({ onClose }: { onClose: () => void }) => (
  <Dialog title={t('keys.title')} onClose={onClose}>
    <dl class="keys">
      {rows.map(({ does, shown }) => <div key={does}><dt>{shown.map((one) => <kbd key={one}>{one === '␣' ? t('keys.space') : one}</kbd>)}</dt><dd>{t(`key.${does}`)}</dd></div>)}
    </dl>
  </Dialog>
);
