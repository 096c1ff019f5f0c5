// SPDX-License-Identifier: MIT
//
// Install: what a browser can do with this page beside showing it: keep it as an app, and open magnet links of other pages with it. Both
// only where the browser offers it, which takes https or this machine.
import { signal, useSignal } from '@preact/signals';
import { t } from '../i18n';
import { recall, remember } from '../memory';
import { here } from '../router';
import { Icon } from './Icon';

interface InstallEvent extends Event { prompt(): Promise<unknown> }

// The browser says it early, and once.
const offer = signal<InstallEvent | undefined>(undefined);
addEventListener('beforeinstallprompt', (event) => {
  event.preventDefault();
  offer.value = event as InstallEvent;
});
addEventListener('appinstalled', () => { offer.value = undefined; });

export function Install() {
  const asked = useSignal(false), canRegister = 'registerProtocolHandler' in navigator && isSecureContext && (asked.value || recall('magnets') === undefined);
  if (!offer.value && !canRegister) return null;
  const install = () => {
    void offer.value?.prompt();
    offer.value = undefined;
  };
  const register = () => {
    navigator.registerProtocolHandler('magnet', here('?magnet=%s').href);
    asked.value = true;
    remember('magnets', 'asked');
  };
  return (
    <div class="row wrap install">
      {offer.value && <button type="button" class="button bare small" onClick={install}><Icon name="screen" size={18} />{t('install.app')}</button>}
      {canRegister && <button type="button" class="button bare small" onClick={register}><Icon name="link" size={18} />{t('install.magnets')}</button>}
      <span class="tiny soft" role="status">{asked.value ? t('install.asked') : ''}</span>
    </div>
  );
}
