// SPDX-License-Identifier: MIT
//
// devices: microphone, camera and loudspeaker, which of them, and why there is none.
import { recall, remember } from './memory';

export type Device = 'audioinput' | 'videoinput' | 'audiooutput';
// insecure: the page did not come by https, so the browser has no devices for it.
export type Trouble = 'insecure' | 'denied' | 'missing' | 'busy' | 'failed';

const troubles: Record<string, Trouble> = { NotAllowedError: 'denied', SecurityError: 'denied', NotFoundError: 'missing', OverconstrainedError: 'missing', NotReadableError: 'busy', AbortError: 'busy' };
export const troubleOf = (reason: unknown): Trouble => (reason === 'insecure' ? 'insecure' : troubles[(reason as DOMException | undefined)?.name ?? ''] ?? 'failed');

export const chosen = (device: Device): string => recall(`call.${device}`) ?? '';
export const choose = (device: Device, id: string): void => remember(`call.${device}`, id);
export const canChooseSpeaker = (): boolean => 'setSinkId' in HTMLMediaElement.prototype;

// All of them or none: people are asked once. Rejects with what troubleOf() knows. One that was chosen and is gone is replaced by another.
export async function take({ audio, video }: { audio?: boolean; video?: boolean }): Promise<MediaStream> {
  const { mediaDevices } = navigator as { mediaDevices?: MediaDevices };
  if (!mediaDevices) throw 'insecure' satisfies Trouble;
  const deviceId = (device: Device) => ({ ideal: chosen(device) });
  return mediaDevices.getUserMedia({
    audio: audio === true && { deviceId: deviceId('audioinput'), echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    video: video === true && { deviceId: deviceId('videoinput'), width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24, max: 30 } } });
}

// Those with a name: the others the browser does not tell of.
export async function list(): Promise<Record<Device, MediaDeviceInfo[]>> {
  const all = await (navigator as { mediaDevices?: MediaDevices }).mediaDevices?.enumerateDevices().catch(() => []) ?? [];
  const of = (device: Device) => all.filter(({ kind, deviceId }) => kind === device && deviceId !== '');
  return { audioinput: of('audioinput'), videoinput: of('videoinput'), audiooutput: of('audiooutput') };
}
