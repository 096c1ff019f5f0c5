// SPDX-License-Identifier: MIT
//
// parts: small things that several views show.
import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { ApiError, setToken, token, type Torrent } from '../api';
import { bytes, has, percent, rate, t } from '../i18n';
import type { RoomError } from '../room';
import { type Place, addressOf, go } from '../router';
import { Icon } from './Icon';

// Bytes per second; less is what peers say to each other, and would be shown as 0.
const SLOW = 500;

// A link within the page; with the keys for new tabs held, the browser's own.
export function Link({ to, children, ...more }: { to: Place; children: ComponentChildren; class?: string; 'aria-label'?: string; 'aria-current'?: 'page' | undefined }) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return <a href={addressOf(to).href} onClick={follow} {...more}>{children}</a>;
}

// What went wrong, in words: ours where we know the code, and what the server said of it.
export function explain(error: unknown): { what: string; detail?: string } {
  if (!(error instanceof ApiError)) return { what: t('error.internal'), detail: String(error) };
  const key = `error.${error.code}`, detail = [error.message, error.advice].filter(Boolean).join('. ');
  if (error.code === 'offline') return { what: t('error.offline') };
  return has(key) ? { what: t(key), detail } : { what: error.message, ...(error.advice ? { detail: error.advice } : {}) };
}

// Likewise of a room.
export function explainRoom({ code, message }: RoomError): { title: string; text?: string } {
  const key = `room.${code}`;
  return has(key) ? { title: t(key) } : { title: t('error.internal'), text: message };
}

export function Notice({ kind = 'bad', title, children, onClose }: { kind?: 'bad' | 'warn' | 'info'; title: string; children?: ComponentChildren; onClose?: () => void }) {
  return (
    <div class={`notice ${kind}`} role={kind === 'bad' ? 'alert' : 'status'}>
      <Icon name={kind === 'info' ? 'info' : 'warn'} />
      <div class="grow"><strong>{title}</strong>{children && <div class="soft"><bdi>{children}</bdi></div>}</div>
      {onClose && <button type="button" class="button bare icon small" aria-label={t('close')} onClick={onClose}><Icon name="close" /></button>}
    </div>
  );
}

export function Failure({ error, onClose }: { error: unknown; onClose?: () => void }) {
  if (error instanceof ApiError && error.wantsToken) return <TokenForm />;
  const { what, detail } = explain(error);
  return <Notice title={what} {...(onClose ? { onClose } : {})}>{detail}</Notice>;
}

// This server wants to know that it is its operator who asks.
export function TokenForm() {
  const value = useSignal('');
  const take = (event: Event) => {
    event.preventDefault();
    setToken(value.value.trim());
  };
  return (
    <form class="card composer" onSubmit={take}>
      <div class="stack">
        <label for="token">{t('token.label')}</label>
        <p class="soft tiny" id="token-help">{t('token.help')}</p>
        <input id="token" class="field" type="password" autocomplete="current-password" aria-describedby="token-help" required value={value.value}
          onInput={({ currentTarget }) => { value.value = currentTarget.value; }} />
      </div>
      {token.value && <Notice title={t('token.wrong')} />}
      <div class="actions"><button class="button main">{t('token.go')}</button></div>
    </form>
  );
}

export function Progress({ torrent, label }: { torrent: Torrent; label: string }) {
  const { state, progress } = torrent, waits = state === 'metadata' || state === 'unknown';
  const kind = waits ? 'waits' : state === 'paused' || state === 'failed' ? 'paused' : progress >= 1 ? 'good' : '';
  return (
    <div class={`bar ${kind}`} role="progressbar" aria-label={label} {...(waits ? {} : { 'aria-valuenow': Math.floor(progress * 100), 'aria-valuemin': 0, 'aria-valuemax': 100 })}>
      <span style={waits ? {} : { transform: `scaleX(${progress})` }} />
    </div>
  );
}

// What a torrent does just now, as a few words and figures.
export function Facts({ torrent }: { torrent: Torrent }) {
  const { state, error, hasMetadata, sizeBytes, progress, downloadRate, uploadRate, peers } = torrent, key = `state.${state}`;
  return (
    <>
      <span class={state === 'failed' ? 'bad' : undefined}>{has(key) ? t(key) : state}{error ? `: ${error}` : ''}</span>
      {hasMetadata && progress < 1 && <span>{t('ofSize', { part: percent(progress), size: bytes(sizeBytes) })}</span>}
      {hasMetadata && progress >= 1 && <span>{bytes(sizeBytes)}</span>}
      {peers > 0 && <span>{t('peers', { count: peers })}</span>}
      {downloadRate >= SLOW && <span><span aria-hidden="true">↓ </span><span class="unseen">{t('download')} </span>{rate(downloadRate)}</span>}
      {uploadRate >= SLOW && <span><span aria-hidden="true">↑ </span><span class="unseen">{t('upload')} </span>{rate(uploadRate)}</span>}
    </>
  );
}
