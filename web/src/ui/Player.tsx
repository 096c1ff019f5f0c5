// SPDX-License-Identifier: MIT
//
// Player: a film with its controls, and in its place, while it does not play, why. Who must not move it himself (a room decides) gets
// what was pressed by `onWish`.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useSignal, useSignalEffect } from '@preact/signals';
import { api } from '../api';
import { describeToDevice, keepAwake } from '../device';
import { type Film, fileName } from '../film';
import { grants, isGuest } from '../grants';
import { duration, has, language, percent, rate, t } from '../i18n';
import { hearKeys } from '../keys';
import { showLines } from '../lines';
import { followPictures, showChapters } from '../marks';
import { type Choice, type Playback, type Way, openTo, play } from '../playback';
import { type Tracks, openTracks, textSize } from '../tracks';
import { Icon } from './Icon';
import { KeysHelp } from './KeysHelp';
import { SeekMarks } from './SeekMarks';
import { TracksMenu } from './TracksMenu';
import { explain } from './parts';

type Custom = Record<string, unknown>;
declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements {
      'media-controller': Custom; 'media-control-bar': Custom; 'media-play-button': Custom; 'media-mute-button': Custom; 'media-volume-range': Custom;
      'media-time-range': Custom; 'media-time-display': Custom; 'media-playback-rate-button': Custom; 'media-pip-button': Custom; 'media-fullscreen-button': Custom;
      'media-loading-indicator': Custom; 'media-seek-backward-button': Custom; 'media-seek-forward-button': Custom; 'media-airplay-button': Custom; 'media-cast-button': Custom;
      'media-preview-thumbnail': Custom; 'media-preview-chapter-display': Custom; 'media-preview-time-display': Custom;
    }
  }
}

export type Wish = { does: 'play' } | { does: 'pause' } | { does: 'seek'; toMs: number } | { does: 'rate'; rate: number };
const STALL_MS = 1500;
const RATES = [0.5, 0.75, 1, 1.25, 1.5, 2];

interface Props {
  film: Film;
  onVideo?(video: HTMLVideoElement | undefined): void;
  onWish?(wish: Wish): void;
  veil?: ComponentChildren; // of the room, above all
  rate?: number;            // of the room: what is shown then, instead of the player's, which is nudged
}

// The controls ask for things by events, which are heard here before the player itself hears them.
const wishes: Record<string, (detail: unknown) => Wish> = {
  mediaplayrequest: () => ({ does: 'play' }),
  mediapauserequest: () => ({ does: 'pause' }),
  mediaseekrequest: (detail) => ({ does: 'seek', toMs: Number(detail) * 1000 }),
  mediaplaybackraterequest: (detail) => ({ does: 'rate', rate: Number(detail) }),
};

// What only another playlist gives; other subtitles are drawn over whatever plays.
function choiceOf({ sound, shown }: Tracks): Choice {
  const text = shown.value;
  return { sound: sound.value, drawn: text?.isImage ? Number(text.id.slice(1)) : undefined };
}

export function Player({ film, onVideo, onWish, veil, rate: shownRate }: Props) {
  const stage = useRef<HTMLDivElement>(null), video = useRef<HTMLVideoElement>(null), wish = useRef(onWish);
  const hasChrome = useSignal(false), isStalled = useSignal(false), isBlocked = useSignal(false), way = useSignal<Way | undefined>(undefined);
  const tracks = useMemo(() => openTracks(film), [film]), playing = useRef<Playback | undefined>(undefined), panel = useSignal<'tracks' | 'keys' | undefined>(undefined);
  const { media, file, torrent } = film, ready = media.value !== undefined;
  wish.current = onWish;
  useEffect(() => () => tracks.end(), [tracks]);

  useEffect(() => {
    void import('../chrome').then(({ speakLanguage }) => speakLanguage()).then(() => { hasChrome.value = true; }, (reason: unknown) => { film.error.value = reason; });
  }, []);

  useEffect(() => {
    const element = video.current, found = media.peek(), hash = torrent.peek()?.infoHash, id = file.peek()?.id;
    if (!element || !found || !hash || id === undefined || !hasChrome.value) return undefined;
    const playback = play(element, { hash, file: id, first: found.way === 'direct' ? 'direct' : 'hls', choice: choiceOf(tracks), plays: !wish.current,
      onWay: (one) => { way.value = one; }, onBlocked: () => { isBlocked.value = true; }, onFailure: (reason) => { film.error.value = reason; } });
    playing.current = playback;
    onVideo?.(element);
    return () => {
      onVideo?.(undefined);
      playing.current = undefined;
      playback.end();
    };
  }, [media.value, hasChrome.value]);
  useSignalEffect(() => {
    const choice = choiceOf(tracks);
    playing.current?.choose(choice);
  });

  const shown = tracks.shown.value;
  useEffect(() => {
    const element = video.current, hash = torrent.peek()?.infoHash, id = file.peek()?.id;
    if (!element || !hash || id === undefined || !shown || shown.isImage) return undefined;
    return showLines(element, () => openTo(hash, id, shown.playlist.slice(1)), tracks.delayMs);
  }, [shown?.id, media.value, hasChrome.value]);

  useEffect(() => {
    const element = video.current, found = media.peek()?.media, hash = torrent.peek()?.infoHash, id = file.peek()?.id;
    if (!element || !found || !hash || id === undefined) return undefined;
    const ends = [showChapters(element, found.chapters)];
    if (found.video >= 0) ends.push(followPictures(element, () => openTo(hash, id, `hls/${hash}/${id}/thumbs.vtt`), () => (torrent.peek()?.progress ?? 1) >= 1));
    return () => { for (const end of ends) end(); };
  }, [media.value, hasChrome.value, grants.value.get(torrent.value?.infoHash ?? '')]); // pictures have it in their addresses

  // A player that wants to play and stands.
  useEffect(() => {
    const element = video.current;
    if (!element || !ready) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      const waits = element.readyState < element.HAVE_FUTURE_DATA && !element.ended && (!element.paused || element.readyState < element.HAVE_CURRENT_DATA);
      if (!waits) isStalled.value = false;
      else timer = setTimeout(() => { isStalled.value = true; }, STALL_MS);
      if (!element.paused) isBlocked.value = false;
    };
    const events = ['waiting', 'playing', 'canplay', 'pause', 'play', 'seeking', 'seeked', 'loadstart', 'ended', 'timeupdate'];
    for (const name of events) element.addEventListener(name, look);
    look();
    return () => {
      clearTimeout(timer);
      for (const name of events) element.removeEventListener(name, look);
    };
  }, [ready, hasChrome.value]);
  // Where the player is; in bytes that is only about there.
  const share = () => {
    const { currentTime = 0, duration: lastsS = NaN } = video.current ?? {};
    return lastsS > 0 && Number.isFinite(lastsS) ? Math.min(currentTime / lastsS, 0.99) : 0;
  };
  useSignalEffect(() => film.asksWhy(film.error.value === undefined && (media.value === undefined || isStalled.value), share));

  useEffect(() => {
    const element = stage.current;
    const hear = (event: Event) => {
      const read = wishes[event.type];
      if (!wish.current || !read) return;
      event.stopPropagation();
      wish.current(read((event as CustomEvent).detail));
    };
    for (const name of Object.keys(wishes)) element?.addEventListener(name, hear, true);
    return () => { for (const name of Object.keys(wishes)) element?.removeEventListener(name, hear, true); };
  }, []);

  useEffect(() => (stage.current ? hearKeys(stage.current, { onCaptions: tracks.toggleText, onHelp: () => { panel.value = 'keys'; } }) : undefined), [tracks]);

  const path = file.value?.path;
  useEffect(() => {
    const element = video.current;
    if (!element || path === undefined) return undefined;
    const ask = (name: string, detail?: unknown) => element.parentElement?.dispatchEvent(new CustomEvent(name, { detail }));
    const ends = [describeToDevice(element, fileName(path), { ask }), keepAwake(element)];
    return () => { for (const end of ends) end(); };
  }, [path, hasChrome.value]);

  const failure = film.error.value;
  return (
    <div class="stage" ref={stage} data-way={way.value} data-text={textSize.value}>
      {hasChrome.value && (
        <media-controller lang={language.value} nohotkeys="">
          <video ref={video} slot="media" playsInline preload="auto" aria-label={file.value?.path ?? t('film')} />
          <media-loading-indicator slot="centered-chrome" noautohide={true} />
          <media-control-bar class="seek">
            <SeekMarks film={film} />
            <media-time-range>
              <media-preview-thumbnail slot="preview" aria-hidden="true" />
              <media-preview-chapter-display slot="preview" />
              <media-preview-time-display slot="preview" />
            </media-time-range>
          </media-control-bar>
          <media-control-bar>
            <media-play-button />
            <media-seek-backward-button seekoffset="10" />
            <media-seek-forward-button seekoffset="10" />
            <media-mute-button />
            <media-volume-range />
            <media-time-display showduration={true} />
            <span class="grow" />
            {shownRate === undefined ? <media-playback-rate-button rates={RATES.join(' ')} /> : (
              <button type="button" class="rate" aria-label={t('player.rate', { rate: shownRate })} onClick={() => onWish?.({ does: 'rate', rate: RATES.find((one) => one > shownRate) ?? RATES[0] ?? 1 })}>
                {shownRate}x
              </button>
            )}
            <button type="button" class="rate captions" aria-label={t('tracks.title')} aria-haspopup="dialog" onClick={() => { panel.value = 'tracks'; }}><Icon name="captions" size={24} /></button>
            <button type="button" class="rate keyboard" aria-label={t('keys.title')} aria-haspopup="dialog" onClick={() => { panel.value = 'keys'; }}><Icon name="keys" size={24} /></button>
            <media-cast-button />
            <media-airplay-button />
            <media-pip-button />
            <media-fullscreen-button />
          </media-control-bar>
        </media-controller>
      )}
      {failure !== undefined ? <Failed film={film} />
        : veil ? <div class="veil">{veil}</div>
          : !ready || !hasChrome.value ? <div class="veil"><Why film={film} /></div>
            : isBlocked.value ? (
              <div class="veil light">
                <button type="button" class="big-play" aria-label={t('player.play')} onClick={() => { void video.current?.play(); }}><Icon name="play" /></button>
              </div>
            ) : isStalled.value ? <div class="veil light quiet"><Why film={film} /></div> : null}
      {panel.value === 'tracks' && <TracksMenu tracks={tracks} first={media.value?.media.audio ?? -1} onClose={() => { panel.value = undefined; }} />}
      {panel.value === 'keys' && <KeysHelp onClose={() => { panel.value = undefined; }} />}
    </div>
  );
}

function Failed({ film }: { film: Film }) {
  const { what, detail } = explain(film.error.value);
  return (
    <div class="veil" role="alert">
      <div class="stack"><h2>{what}</h2>{detail && <p dir="auto">{detail}</p>}<button type="button" class="button main" onClick={film.again}>{t('again')}</button></div>
    </div>
  );
}

// What a person can let go on again.
const STOPPED = ['paused', 'failed', 'disk_full'];

// Why it is not playing, and what to do: by the server's code, in the words of the page; what it said itself where it has no code, or
// where only it knows the cause.
function Why({ film: { torrent, diagnosis, file } }: { film: Film }) {
  const found = diagnosis.value, now = torrent.value, key = `diagnosis.${found?.code}`, advice = `advice.${found?.code}`, error = useSignal<unknown>(undefined);
  const title = found ? (has(key) ? t(key) : found.summary) : now && !now.hasMetadata ? t('diagnosis.metadata') : t('diagnosis.opening');
  const isStopped = found !== undefined && STOPPED.includes(found.code);
  const resume = () => { if (now) api.resume(now.infoHash).then(() => { error.value = undefined; }, (reason: unknown) => { error.value = reason; }); };
  const figures = !now ? [] : [now.state === 'checking' ? percent(now.checkProgress ?? 0) : now.hasMetadata ? percent(now.progress) : '', t('peers', { count: now.peers }), now.downloadRate > 0 ? `↓ ${rate(now.downloadRate)}` : ''];
  return (
    <div class="stack" role="status" data-why={found?.code}>
      {!isStopped && <span class="spinner" />}
      <h2>{title}</h2>
      {file.value && now && <p class="one-line" dir="auto">{now.name}</p>}
      {found?.code === 'slow' && found.neededBytesPerS && <p>{t('why.rates', { now: rate(found.downloadRate ?? 0), needed: rate(found.neededBytesPerS) })}</p>}
      {found?.estimateMs !== undefined && found.estimateMs > 0 && <p>{t('why.estimate', { time: duration(found.estimateMs) })}</p>}
      {isStopped && now?.error && <p dir="auto">{now.error}</p>}
      {found && found.code !== 'ok' && <p>{has(advice) ? t(advice) : found.advice}</p>}
      {isStopped && !isGuest.value && <button type="button" class="button main" onClick={resume}><Icon name="play" />{t('why.resume')}</button>}
      {error.value !== undefined && <p role="alert">{explain(error.value).what}</p>}
      {now && <p class="tiny">{figures.filter(Boolean).join(' · ')}</p>}
    </div>
  );
}
