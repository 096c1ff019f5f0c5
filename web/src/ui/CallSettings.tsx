// SPDX-License-Identifier: MIT
//
// CallSettings: which devices, and when one is heard.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { Call } from '../call';
import { type Device, canChooseSpeaker, chosen, list } from '../devices';
import { type Key, t } from '../i18n';
import { Dialog } from './Dialog';

const devices: [Device, Key][] = [['audioinput', 'call.microphone'], ['videoinput', 'call.camera'], ['audiooutput', 'call.speaker']];
const RESERVED = ['Tab', 'Escape', 'Enter', 'Shift', 'Control', 'Alt', 'Meta'];

export function CallSettings({ call, onClose }: { call: Call; onClose: () => void }) {
  const found = useSignal<Record<Device, MediaDeviceInfo[]> | undefined>(undefined), isListening = useSignal(false);
  useEffect(() => {
    const look = () => void list().then((all) => { found.value = all; });
    const { mediaDevices } = navigator as { mediaDevices?: MediaDevices };
    look();
    mediaDevices?.addEventListener('devicechange', look);
    return () => mediaDevices?.removeEventListener('devicechange', look);
  }, []);
  const take = (event: KeyboardEvent) => {
    if (!isListening.value || RESERVED.includes(event.key)) return;
    event.preventDefault();
    isListening.value = false;
    call.setKey({ code: event.code, shown: event.key === ' ' ? t('keys.space') : event.key.toUpperCase() });
  };
  return (
    <Dialog title={t('call.settings')} onClose={onClose}>
      {devices.map(([device, key]) => (device === 'audiooutput' && !canChooseSpeaker() ? null : (
        <div key={device} class="stack">
          <label for={device}>{t(key)}</label>
          <select id={device} class="field" value={chosen(device)} onChange={({ currentTarget }) => call.use(device, currentTarget.value)}>
            <option value="">{t('call.usual')}</option>
            {found.value?.[device].map(({ deviceId, label }) => <option key={deviceId} value={deviceId}>{label || t(key)}</option>)}
          </select>
        </div>
      )))}
      <label class="check"><input type="checkbox" checked={call.pushes.value} onChange={({ currentTarget }) => call.setPushes(currentTarget.checked)} />{t('call.pushes')}</label>
      {call.pushes.value && (
        <div class="row wrap">
          <span class="grow">{t('call.holdKey', { key: call.key.value.shown })}</span>
          <button type="button" class="button small" aria-pressed={isListening.value} onKeyDown={take} onBlur={() => { isListening.value = false; }} onClick={() => { isListening.value = true; }}>{t(isListening.value ? 'call.pressKey' : 'call.otherKey')}</button>
        </div>
      )}
      <label class="check"><input type="checkbox" checked={call.ducks.value} onChange={({ currentTarget }) => call.setDucks(currentTarget.checked)} />{t('call.ducks')}</label>
    </Dialog>
  );
}
