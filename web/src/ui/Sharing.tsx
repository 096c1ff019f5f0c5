// SPDX-License-Identifier: MIT
//
// Sharing: what this browser gives to others and takes from them, with its switch; and the ways to look at the swarm.
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { bytes, rate, t } from '../i18n';
import type { Sharing } from '../sharing';
import { Dialog } from './Dialog';
import { Icon } from './Icon';

export function SharingSwitch({ sharing: { unable, isOn, figures, switchTo } }: { sharing: Sharing }) {
  const why = unable.value, now = figures.value;
  return (
    <div class="sharing" data-browsers={now?.browsers} data-taken={now?.fromBrowsers} data-given={now?.given}>
      <label class="check">
        <input type="checkbox" checked={isOn.value} disabled={why !== undefined && why !== 'failed'} aria-describedby="sharing-text" onChange={({ currentTarget }) => switchTo(currentTarget.checked)} />
        {t('sharing.label')}
      </label>
      <span class="soft tiny" id="sharing-text">{t(why ? `unable.${why}` : 'sharing.text')}</span>
      {now && (
        <span class="facts-line tiny">
          <span>{t('sharing.browsers', { count: now.browsers })}</span>
          <span>{t('sharing.taken', { amount: bytes(now.fromBrowsers), rate: rate(now.downRate) })}</span>
          <span>{t('sharing.given', { amount: bytes(now.given), rate: rate(now.upRate) })}</span>
          <span>{t(now.isFull ? 'sharing.full' : 'sharing.kept', { amount: bytes(now.keptBytes) })}</span>
        </span>
      )}
    </div>
  );
}

// The rest of it comes when somebody looks.
function Later({ hash }: { hash: string }) {
  const view = useSignal<{ View: FunctionComponent<{ hash: string }> } | undefined>(undefined), hasFailed = useSignal(false);
  useEffect(() => { import('./Swarm').then(({ default: View }) => { view.value = { View }; }, () => { hasFailed.value = true; }); }, []);
  if (view.value) return <view.value.View hash={hash} />;
  return <p role="status">{t(hasFailed.value ? 'error.offline' : 'loading')}</p>;
}

export function SwarmButton({ hash, name, isIcon = false }: { hash: string; name?: string; isIcon?: boolean }) {
  const isOpen = useSignal(false);
  return (
    <>
      <button type="button" class={`button small ${isIcon ? 'icon' : 'bare'}`} aria-haspopup="dialog" {...(name ? { 'aria-label': `${t('swarm.title')}: ${name}` } : {})} title={t('swarm.title')} onClick={() => { isOpen.value = true; }}>
        <Icon name="swarm" size={18} />{!isIcon && t('swarm.title')}
      </button>
      {isOpen.value && <Dialog title={t('swarm.title')} isWide onClose={() => { isOpen.value = false; }}><Later hash={hash} /></Dialog>}
    </>
  );
}

export function SwarmPanel({ hash }: { hash: string }) {
  const isOpen = useSignal(false);
  return (
    <details class="card swarm-panel" onToggle={({ currentTarget }) => { isOpen.value = currentTarget.open; }}>
      <summary><h2>{t('swarm.title')}</h2></summary>
      {isOpen.value && <Later hash={hash} />}
    </details>
  );
}
