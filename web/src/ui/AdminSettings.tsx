// SPDX-License-Identifier: MIT
//
// AdminSettings: what is set, where, and what it means. They are shown, not changed: the file is the operator's.
import { useSignal } from '@preact/signals';
import { type Services, type Setting, admin } from '../admin';
import { t } from '../i18n';
import { usePoll } from './poll';
import { Failure } from './parts';

const EVERY_MS = 10000;

export function AdminSettings({ services }: { services: Services | undefined }) {
  const name = useSignal('http'), words = useSignal(''), onlySet = useSignal(false);
  const settings = usePoll(() => admin.settings(name.value), [name.value], EVERY_MS);
  // Instances of a service are set alike.
  const names = [...new Set([...services?.services.map((service) => service.name.replace(/\.\d+$/, '')) ?? ['http'], ...services?.hasSupervisor ? ['supervisor'] : []])];
  const wanted = words.value.trim().toLowerCase();
  const list = settings.value?.filter((one) => (!onlySet.value || one.origin !== 'default') && `${one.name} ${one.value} ${one.help}`.toLowerCase().includes(wanted));
  return (
    <section class="part" aria-labelledby="settings">
      <h2 id="settings">{t('part.settings')}</h2>
      <p class="soft tiny">{t('settings.help')}</p>
      <div class="card choose">
        <div class="stack"><label for="settings-of">{t('log.service')}</label>
          <select id="settings-of" class="field" value={name.value} onChange={({ currentTarget }) => { name.value = currentTarget.value; }}>{names.map((one) => <option key={one}>{one}</option>)}</select></div>
        <div class="stack"><label for="settings-find">{t('settings.find')}</label>
          <input id="settings-find" class="field" type="search" value={words.value} onInput={({ currentTarget }) => { words.value = currentTarget.value; }} /></div>
        <label class="check"><input type="checkbox" checked={onlySet.value} onChange={({ currentTarget }) => { onlySet.value = currentTarget.checked; }} />{t('settings.onlySet')}</label>
      </div>
      {settings.error !== undefined && <Failure error={settings.error} />}
      {list?.length === 0 && <p class="card empty">{t('settings.none')}</p>}
      {!!list?.length && <dl class="card settings">{list.map((setting) => <Row key={setting.name} setting={setting} />)}</dl>}
    </section>
  );
}

function Row({ setting: { name, value, origin, place, fallback, help } }: { setting: Setting }) {
  const isSet = origin !== 'default';
  return (
    <div class={isSet ? 'set' : undefined}>
      <dt dir="ltr">{name}</dt>
      <dd>
        <code dir="ltr">{value || '""'}</code>
        <span class="facts"><span>{isSet ? <>{t(`origin.${origin}`)} <bdi dir="ltr">{place}</bdi></> : t('origin.default')}</span>{isSet && <span>{t('settings.default')} <code dir="ltr">{fallback || '""'}</code></span>}</span>
        <p class="soft tiny" lang="en" dir="ltr">{help}</p>
      </dd>
    </div>
  );
}
