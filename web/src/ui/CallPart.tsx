// SPDX-License-Identifier: MIT
//
// CallPart: those who talk, each with a tile, and what one does there oneself.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { CAMERAS_MAX, type Call, type Other } from '../call';
import type { Trouble } from '../devices';
import { t } from '../i18n';
import type { RoomSession } from '../room';
import { Avatar } from './Avatar';
import { CallSettings } from './CallSettings';
import { Icon } from './Icon';
import { Notice } from './parts';

export function CallPart({ session, call, onLeave }: { session: RoomSession; call: Call; onLeave: () => void }) {
  const isChoosing = useSignal(false), part = useRef<HTMLElement>(null), others = call.others.value, camera = call.camera.value;
  useEffect(() => part.current?.focus(), []); // the button that was pressed has gone
  const { mic, camera: noCamera } = call.trouble.value, asks = call.askedBy.value;
  return (
    <section class="call" aria-label={t('call.title')} tabIndex={-1} ref={part}>
      <ul class="tiles">
        <OwnTile session={session} call={call} />
        {others.map((other) => <Tile key={other.id} session={session} call={call} other={other} />)}
      </ul>
      {mic && <Missing what="mic" why={mic} call={call} />}
      {noCamera && <Missing what="camera" why={noCamera} call={call} />}
      {camera && call.isVoicesOnly && <Notice kind="info" title={t('call.onlyVoices', { most: CAMERAS_MAX })} />}
      {call.isBlocked.value && <Notice kind="warn" title={t('call.blocked')}><button type="button" class="button small" onClick={() => call.unblock()}>{t('call.hear')}</button></Notice>}
      {asks !== undefined && (
        <Notice kind="warn" title={t('call.asked', { name: asks })} onClose={() => { call.askedBy.value = undefined; }}>
          <button type="button" class="button small" onClick={() => call.setMuted(true)}>{t('call.mute')}</button>
        </Notice>
      )}
      <div class="row controls">
        <Mic call={call} />
        <button type="button" class="button small icon" aria-label={t(camera ? 'call.cameraOff' : 'call.cameraOn')} title={t(camera ? 'call.cameraOff' : 'call.cameraOn')} onClick={() => (camera ? call.turnOff('camera') : call.turnOn('camera'))}>
          <Icon name={camera ? 'camera' : 'cameraOff'} />
        </button>
        <button type="button" class="button small icon" aria-label={t('call.settings')} title={t('call.settings')} aria-haspopup="dialog" onClick={() => { isChoosing.value = true; }}><Icon name="gear" /></button>
        <span class="grow" />
        <button type="button" class="button small" onClick={onLeave}><Icon name="hangUp" size={18} />{t('call.leave')}</button>
      </div>
      {isChoosing.value && <CallSettings call={call} onClose={() => { isChoosing.value = false; }} />}
    </section>
  );
}

// Pressed, or held as long as one talks.
function Mic({ call }: { call: Call }) {
  const { pushes, isHeld, isMuted, hasMic, key } = call;
  if (!pushes.value || !hasMic.value) {
    const isOff = isMuted.value || !hasMic.value, words = t(isOff ? 'call.unmute' : 'call.mute');
    return (
      <button type="button" class={`button small icon ${isOff ? '' : 'main'}`} aria-label={words} title={words} onClick={() => (hasMic.value ? call.setMuted(!isMuted.value) : call.turnOn('mic'))}>
        <Icon name={isOff ? 'micOff' : 'mic'} />
      </button>
    );
  }
  const byKey = (event: KeyboardEvent, is: boolean) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    call.hold(is);
  };
  return (
    <button type="button" class={`button small hold ${isHeld.value ? 'main' : ''}`} aria-pressed={isHeld.value} title={t('call.holdKey', { key: key.value.shown })}
      onPointerDown={({ currentTarget, pointerId }) => { currentTarget.setPointerCapture(pointerId); call.hold(true); }} onPointerUp={() => call.hold(false)} onPointerCancel={() => call.hold(false)}
      onKeyDown={(event) => byKey(event, true)} onKeyUp={(event) => byKey(event, false)} onBlur={() => call.hold(false)} onContextMenu={(event) => event.preventDefault()}>
      <Icon name={isHeld.value ? 'mic' : 'micOff'} size={18} />{t('call.hold')}
    </button>
  );
}

function Missing({ what, why, call }: { what: 'mic' | 'camera'; why: Trouble; call: Call }) {
  return (
    <Notice kind="warn" title={t(`call.${what}.${why}`)} onClose={() => call.setTrouble(what)}>
      {what === 'mic' && t('call.listening')}{' '}
      {why !== 'insecure' && <button type="button" class="button small" onClick={() => call.turnOn(what)}>{t('again')}</button>}
    </Notice>
  );
}

function Picture({ stream, isOwn = false }: { stream: MediaStream; isOwn?: boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);
  return <video ref={video} class={isOwn ? 'own' : undefined} autoplay playsInline muted aria-hidden="true" />;
}

function OwnTile({ session, call }: { session: RoomSession; call: Call }) {
  const stream = call.camera.value, isOpen = call.hasMic.value && call.isOpen, name = session.me?.name ?? '';
  return (
    <li class={`tile ${call.talking.value.has(session.id) ? 'talks' : ''}`}>
      {stream ? <Picture stream={stream} isOwn /> : <Avatar id={session.id} name={name} />}
      <div class="who">{!isOpen && <Icon name="micOff" size={14} />}<span class="one-line"><bdi>{name}</bdi> {t('room.you')}{!isOpen && <span class="unseen"> {t('call.isSilent')}</span>}</span></div>
    </li>
  );
}

function Tile({ session, call, other }: { session: RoomSession; call: Call; other: Other }) {
  const { id, link } = other, isOpen = useSignal(false), name = session.nameOf(id), member = session.room.value?.members.find((one) => one.id === id);
  const { mic, camera } = link.about.value, state = link.state.value, talks = call.talking.value.has(id), stream = link.video.value;
  return (
    <li class={`tile ${talks ? 'talks' : ''}`} data-state={state}>
      {camera && stream && state === 'connected' ? <Picture stream={stream} /> : <Avatar id={id} name={name} />}
      <div class="who">
        {state === 'connected' && !mic && <Icon name="micOff" size={14} />}
        <span class="one-line grow"><bdi>{name}</bdi>{state === 'connected' && !mic && <span class="unseen"> {t('call.isSilent')}</span>}{talks && <span class="unseen"> {t('call.talks')}</span>}</span>
        <button type="button" class="more" aria-expanded={isOpen.value} aria-label={t('call.hearing', { name })} title={t('call.hearing', { name })} onClick={() => { isOpen.value = !isOpen.value; }}><Icon name="volume" size={16} /></button>
      </div>
      {state !== 'connected' && <p class="state off">{t(state === 'connecting' ? 'call.connecting' : 'call.broken')}</p>}
      {isOpen.value && (
        <div class="hearing">
          <input type="range" min="0" max="1" step="0.05" aria-label={t('call.volume', { name })} value={other.volume.value} onInput={({ currentTarget }) => call.setVolume(other, currentTarget.valueAsNumber)} />
          {member && session.hasPowerOver(member) && <button type="button" class="button small" disabled={!mic} onClick={() => link.askForQuiet()}>{t('call.askQuiet')}</button>}
        </div>
      )}
    </li>
  );
}
