// SPDX-License-Identifier: MIT
//
// Dialog: shown as long as it is there. Escape, the cross and a click beside it close it.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { t } from '../i18n';
import { Icon } from './Icon';

export function Dialog({ title, isWide = false, onClose, children }: { title: string; isWide?: boolean; onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null), id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class={isWide ? 'broad' : undefined} aria-labelledby={id} onClose={onClose} onClick={({ target, currentTarget }) => { if (target === currentTarget) currentTarget.close(); }}>
      <div class="stack wide">
        <div class="row"><h2 id={id} class="grow">{title}</h2><button type="button" class="button bare icon small" aria-label={t('close')} onClick={() => dialog.current?.close()}><Icon name="close" /></button></div>
        {children}
      </div>
    </dialog>
  );
}
