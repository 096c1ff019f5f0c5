// SPDX-License-Identifier: MIT
//
// Sure: a row of buttons, of which one asks again before it does what it says.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { t } from '../i18n';

// `children` draws the buttons; the one that wants to be sure calls `ask`.
export function Sure({ question, yes, onYes, children }: { question: string; yes: string; onYes: () => void; children: (ask: () => void) => ComponentChildren }) {
  const asks = useSignal(false), button = useRef<HTMLButtonElement>(null);
  useEffect(() => { if (asks.value) button.current?.focus(); }, [asks.value]); // the one that was pressed is gone
  const end = (work?: () => void) => () => {
    asks.value = false;
    work?.();
  };
  return (
    <div class="row">
      {asks.value ? <>
        <span class="tiny soft">{question}</span>
        <button ref={button} type="button" class="button small" onClick={end(onYes)}>{yes}</button>
        <button type="button" class="button bare small" onClick={end()}>{t('cancel')}</button>
      </> : children(() => { asks.value = true; })}
    </div>
  );
}
