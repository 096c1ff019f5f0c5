// SPDX-License-Identifier: MIT
//
// Uploads: files that this page sends, above whatever view there is.
import { bytes, duration, percent, rate, t } from '../i18n';
import { type Sending, forgetSending, sendings } from '../uploads';
import { Icon } from './Icon';
import { explain } from './parts';

export function Uploads() {
  if (sendings.value.length === 0) return null;
  return (
    <section class="uploads" aria-label={t('upload.title')}>
      <ul class="list">{sendings.value.map((sending) => <Item key={sending.hash} sending={sending} />)}</ul>
    </section>
  );
}

function Item({ sending }: { sending: Sending }) {
  const { name, sizeBytes, sentBytes, rate: speed, state: { value: state }, error } = sending, share = sizeBytes > 0 ? sentBytes.value / sizeBytes : 0;
  const leftMs = speed.value > 0 ? (sizeBytes - sentBytes.value) * 1000 / speed.value : 0, isOver = state === 'sent' || state === 'failed';
  return (
    <li class="card item" data-state={state}>
      <div>
        <div class="name"><bdi>{name}</bdi></div>
        <div class="facts">
          <span role="status" class={state === 'failed' ? 'bad' : undefined}>{t(`upload.${state}`)}{state === 'failed' ? `: ${explain(error.value).what}` : ''}</span>
          <span>{state === 'sent' ? bytes(sizeBytes) : t('ofSize', { part: percent(share), size: bytes(sizeBytes) })}</span>
          {speed.value > 0 && state === 'sending' && <span>{rate(speed.value)}</span>}
          {leftMs > 0 && state === 'sending' && <span>{t('why.estimate', { time: duration(leftMs) })}</span>}
        </div>
      </div>
      <div class="row">
        {state !== 'sent' && (
          <button type="button" class="button icon small" aria-label={`${t(state === 'paused' || state === 'failed' ? 'upload.resume' : 'upload.pause')}: ${name}`}
            onClick={() => (state === 'paused' || state === 'failed' ? sending.resume() : sending.pause())}>
            <Icon name={state === 'paused' || state === 'failed' ? 'play' : 'pause'} size={18} />
          </button>
        )}
        <button type="button" class="button bare icon small" aria-label={`${t(isOver ? 'close' : 'upload.cancel')}: ${name}`}
          onClick={() => { if (!isOver) void sending.cancel(); forgetSending(sending); }}><Icon name="close" size={18} /></button>
      </div>
      <div class={`bar ${state === 'sent' ? 'good' : state === 'sending' ? '' : 'paused'}`} role="progressbar" aria-label={name} aria-valuenow={Math.floor(share * 100)} aria-valuemin={0} aria-valuemax={100}>
        <span style={{ transform: `scaleX(${share})` }} />
      </div>
    </li>
  );
}
