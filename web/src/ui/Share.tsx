// SPDX-License-Identifier: MIT
//
// Share: the address of a room, to be sent or to be shown to a telephone.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { t } from '../i18n';
import { addressOf } from '../router';
import { Dialog } from './Dialog';
import { Icon } from './Icon';

const QUIET_ZONE = 2;

// One path of squares, from the modules of the code.
async function draw(text: string): Promise<{ path: string; size: number }> {
  const { default: qrcode } = await import('qrcode-generator');
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  let path = '';
  for (let y = 0; y < count; y++) for (let x = 0; x < count; x++) if (code.isDark(y, x)) path += `M${x + QUIET_ZONE} ${y + QUIET_ZONE}h1v1h-1z`;
  return { path, size: count + 2 * QUIET_ZONE };
}

export function Share({ code }: { code: string }) {
  const isOpen = useSignal(false);
  return (
    <>
      <button type="button" class="button main small" onClick={() => { isOpen.value = true; }}><Icon name="link" size={18} />{t('share.invite')}</button>
      {isOpen.value && <Address code={code} onClose={() => { isOpen.value = false; }} />}
    </>
  );
}

function Address({ code, onClose }: { code: string; onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const picture = useSignal<{ path: string; size: number } | undefined>(undefined), isCopied = useSignal(false), screen = useSignal<'' | 'remote' | 'chat'>('');
  const address = addressOf({ view: 'room', code, ...(screen.value ? { screen: screen.value } : {}) }).href;
  useEffect(() => {
    isCopied.value = false;
    draw(address).then((found) => { picture.value = found; }, () => {}); // without it there is still the link
  }, [address]);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(address);
    } catch { // not there without https
      field.current?.select();
      document.execCommand('copy');
    }
    isCopied.value = true;
  };
  return (
    <Dialog title={t('share.invite')} onClose={onClose}>
      <p class="soft">{t('share.text')}</p>
      <div class="stack">
        <label for="address">{t('share.address')}</label>
        <input ref={field} id="address" class="field" readOnly dir="ltr" value={address} onFocus={({ currentTarget }) => currentTarget.select()} />
      </div>
      {(['remote', 'chat'] as const).map((one) => (
        <label key={one} class="check"><input type="checkbox" checked={screen.value === one} onChange={({ currentTarget }) => { screen.value = currentTarget.checked ? one : ''; }} />{t(`share.${one}`)}</label>
      ))}
      <button type="button" class="button main" onClick={copy}><Icon name="link" /><span role="status">{t(isCopied.value ? 'share.copied' : 'share.copy')}</span></button>
      <div class="qr">{picture.value && <svg viewBox={`0 0 ${picture.value.size} ${picture.value.size}`} role="img" aria-label={t('share.qr')} shapeRendering="crispEdges"><path d={picture.value.path} fill="#000" /></svg>}</div>
    </Dialog>
  );
}
