// SPDX-License-Identifier: MIT
//
// Player: a film with its controls, and in its place, while it does not play, why. Who must not move it himself (a room decides) gets
// what was pressed by `onWish`.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { api } from '../api';
import { describeToDevice, keepAwake } from '../device';
import { type Film, fileName, isHopeless } from '../film';
import { grants, isGuest } from '../grants';
import { duration, has, language, percent, rate, t } from '../i18n';
import { hearKeys } from '../keys';
import { showLines } from '../lines';
import { followPictures, showChapters } from '../marks';
import { type Choice, type Playback, type Way, openTo, play, prime, sizesOf } from '../playback';
import { quality } from '../quality';
import { barOf } from '../sharing';
import { type Tracks, openTracks, textSize } from '../tracks';
import { Icon } from './Icon';
import { KeysHelp } from './KeysHelp';
import { PictureMenu } from './PictureMenu';
import { SeekMarks } from './SeekMarks';
import { TracksMenu } from './TracksMenu';
import { explain } from './parts';

type Custom = Record<string, unknown>;
declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements {
      'media-controller': Custom; 'media-control-bar': Custom; 'media-play-button': Custom; 'media-mute-button': Custom; 'media-volume-range': Custom;
      'media-time-range': Custom; 'media-time-display': Custom; 'media-pip-button': Custom; 'media-fullscreen-button': Custom;
      'media-loading-indicator': Custom; 'media-seek-backward-button': Custom; 'media-seek-forward-button': Custom;
      'media-preview-thumbnail': Custom; 'media-preview-chapter-display': Custom; 'media-preview-time-display': Custom;
    }
  }
}

export type Wish = { does: 'play' } | { does: 'pause' } | { does: 'seek'; toMs: number } | { does: 'rate'; rate: number };
const STALL_MS = 1500, SLOW_MS = 8000;

interface Props {
  film: Film;
  onVideo?(video: HTMLVideoElement | undefined): void;
  onWish?(wish: Wish): void;
  veil?: ComponentChildren; // of the room, above all
  marks?: ComponentChildren; // on the bar to seek on
  over?: ComponentChildren;  // over the film, in full screen too
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
function choiceOf({ sound, shown }: Tracks, { media }: Film): Choice {
  const text = shown.value, hasPicture = (media.value?.media.video ?? -1) >= 0;
  return { sound: sound.value, drawn: text?.isImage ? Number(text.id.slice(1)) : undefined, quality: hasPicture ? quality.value : 'auto' };
}

export function Player({ film, onVideo, onWish, veil, marks, over, rate: shownRate }: Props) {
  const stage = useRef<HTMLDivElement>(null), video = useRef<HTMLVideoElement>(null), wish = useRef(onWish);
  const hasChrome = useSignal(false), isStalled = useSignal(false), isBlocked = useSignal(false), way = useSignal<Way | undefined>(undefined);
  const tracks = useMemo(() => openTracks(film), [film]), playing = useRef<Playback | undefined>(undefined), panel = useSignal<'tracks' | 'picture' | 'keys' | undefined>(undefined), ownRate = useSignal(1);
  const { media, file, torrent } = film, ready = media.value !== undefined, isWhole = useComputed(() => (torrent.value?.progress ?? 0) >= 1);
  wish.current = onWish;
  useEffect(() => () => tracks.end(), [tracks]);
  // With all that is over it.
  useEffect(() => {
    const controller = stage.current?.querySelector<HTMLElement & { fullscreenElement: Element | null }>('media-controller');
    if (controller) controller.fullscreenElement = stage.current;
  }, [hasChrome.value]);

  useEffect(() => {
    void import('../chrome').then(({ speakLanguage }) => speakLanguage()).then(() => { hasChrome.value = true; }, (reason: unknown) => { film.error.value = reason; });
  }, []);

  useEffect(() => {
    const element = video.current, whole = torrent.peek(), part = file.peek();
    if (!element || media.peek() || !whole || !part || isHopeless(whole, part)) return;
    prime(element, whole.infoHash, part.id, part.mediaType, barOf(whole) === undefined, () => video.current === element && !media.peek()).catch(() => {}); // then play() says so
  }, [file.value?.id, hasChrome.value]);

  useEffect(() => {
    const element = video.current, found = media.peek(), hash = torrent.peek()?.infoHash, id = file.peek()?.id;
    if (!element || !found || !hash || id === undefined || !hasChrome.value) return undefined;
    const playback = play(element, { hash, file: id, first: found.way === 'direct' ? 'direct' : 'hls', can: found.can, strains: found.strains, choice: choiceOf(tracks, film), plays: !wish.current,
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
    const choice = choiceOf(tracks, film);
    playing.current?.choose(choice);
  });

  // A script is one piece: in a film that is still coming it may be anywhere.
  const shown = tracks.shown.value, isStyled = Boolean(shown?.script) && (isWhole.value || shown?.kind !== 'embedded');
  useEffect(() => {
    const element = video.current, hash = torrent.peek()?.infoHash, id = file.peek()?.id;
    if (!element || !hash || id === undefined || !shown || shown.isImage) return undefined;
    const toOpen = (url: string) => openTo(hash, id, url.slice(1)), ended = new AbortController(), { signal: until } = ended;
    let endPlain: (() => void) | undefined;
    const beginPlain = () => { endPlain ??= showLines(element, () => toOpen(shown.playlist), tracks.delayMs); };
    const stopPlain = () => {
      endPlain?.();
      endPlain = undefined;
    };
    const style = async (script: string) => {
      const [{ showStyled }, fonts] = await Promise.all([import('../styled'), api.fonts(hash, id, until).then((urls) => Promise.all(urls.map(toOpen)))]);
      await showStyled(element, { script: await toOpen(script), fonts, delayMs: tracks.delayMs, size: textSize, ended: until });
      // A drawing lies over the film on the page, and not in a small window.
      element.addEventListener('enterpictureinpicture', beginPlain, { signal: until });
      element.addEventListener('leavepictureinpicture', stopPlain, { signal: until });
      if (document.pictureInPictureElement !== element) stopPlain();
    };
    beginPlain();
    if (isStyled && shown.script) style(shown.script).catch((reason: unknown) => { if (!until.aborted) console.info('subtitles stay plain:', reason); });
    return () => {
      ended.abort();
      stopPlain();
    };
  }, [shown?.id, media.value, hasChrome.value, isStyled]);

  useEffect(() => {
    const element = video.current, found = media.peek()?.media, hash = torrent.peek()?.infoHash, id = file.peek()?.id;
    if (!element || !found || !hash || id === undefined) return undefined;
    const ends = [showChapters(element, found.chapters)];
    if (found.video >= 0) ends.push(followPictures(element, () => openTo(hash, id, `hls/${hash}/${id}/thumbs.vtt`), () => isWhole.peek()));
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
  // By the player, or while it begins anew by the server.
  const lastsS = () => {
    const { duration: ownS = NaN } = video.current ?? {};
    return Number.isFinite(ownS) ? ownS : (media.peek()?.media.durationUs ?? NaN) / 1e6;
  };
  // Where the player is; in bytes that is only about there.
  const share = () => (lastsS() > 0 ? Math.min((video.current?.currentTime ?? 0) / lastsS(), 0.99) : 0);
  useSignalEffect(() => {
    if (!isStalled.value) return undefined;
    const sinceMs = performance.now();
    const count = () => {
      const { seeking = true, played } = video.current ?? {};
      // A slow beginning says little of the film.
      if (isWhole.peek() && !seeking && (played?.length || performance.now() - sinceMs > SLOW_MS)) playing.current?.stalls();
    };
    const timer = setInterval(count, STALL_MS * 2);
    count();
    return () => clearInterval(timer);
  });
  useSignalEffect(() => film.asksWhy(film.error.value === undefined && (media.value === undefined || isStalled.value), share));

  useEffect(() => {
    const element = stage.current;
    const hear = (event: Event) => {
      const read = wishes[event.type];
      if (!read) return;
      const asked = read((event as CustomEvent).detail);
      if (wish.current) {
        event.stopPropagation();
        wish.current(asked);
      } else if (asked.does === 'seek' && video.current?.error) {
        video.current.currentTime = asked.toMs / 1000; // the controls do nothing then; it is where the next try begins
      }
    };
    for (const name of Object.keys(wishes)) element?.addEventListener(name, hear, true);
    return () => { for (const name of Object.keys(wishes)) element?.removeEventListener(name, hear, true); };
  }, []);

  useEffect(() => (stage.current ? hearKeys(stage.current, { lastsS, onCaptions: tracks.toggleText, onHelp: () => { panel.value = 'keys'; } }) : undefined), [tracks]);

  const ask = (name: string, detail?: unknown) => video.current?.parentElement?.dispatchEvent(new CustomEvent(name, { detail }));
  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    const look = () => { ownRate.value = element.playbackRate; };
    element.addEventListener('ratechange', look);
    return () => element.removeEventListener('ratechange', look);
  }, [hasChrome.value]);

  const path = file.value?.path;
  useEffect(() => {
    const element = video.current;
    if (!element || path === undefined) return undefined;
    const ends = [describeToDevice(element, fileName(path), { ask }), keepAwake(element)];
    return () => { for (const end of ends) end(); };
  }, [path, hasChrome.value]);

  const failure = film.error.value, nowRate = shownRate ?? ownRate.value;
  return (
    <div class="stage" ref={stage} data-way={way.value} data-text={textSize.value}>
      {hasChrome.value && (
        <media-controller lang={language.value} nohotkeys="">
          <video ref={video} slot="media" playsInline preload="auto" aria-label={file.value?.path ?? t('film')} />
          <media-loading-indicator slot="centered-chrome" noautohide={true} />
          <media-control-bar class="seek">
            <SeekMarks film={film} />
            {marks}
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
            <button type="button" class="rate picture" aria-label={t('picture.title') + (nowRate === 1 ? '' : ` (${nowRate}x)`)} aria-haspopup="dialog" onClick={() => { panel.value = 'picture'; }}>
              {nowRate === 1 ? <Icon name="gear" size={24} /> : `${nowRate}x`}
            </button>
            <button type="button" class="rate captions" aria-label={t('tracks.title')} aria-haspopup="dialog" onClick={() => { panel.value = 'tracks'; }}><Icon name="captions" size={24} /></button>
            <button type="button" class="rate keyboard" aria-label={t('keys.title')} aria-haspopup="dialog" onClick={() => { panel.value = 'keys'; }}><Icon name="keys" size={24} /></button>
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
      {over}
      {panel.value === 'tracks' && <TracksMenu tracks={tracks} first={media.value?.media.audio ?? -1} onClose={() => { panel.value = undefined; }} />}
      {panel.value === 'picture' && video.current && media.value && torrent.value && file.value && (
        <PictureMenu video={video.current} sizes={() => sizesOf(torrent.value?.infoHash ?? '', file.value?.id ?? 0, media.value?.can ?? [])} isWhole={isWhole.value} rate={nowRate} isRoom={shownRate !== undefined}
          onRate={(one) => ask('mediaplaybackraterequest', one)} toAddress={() => playing.current?.toAddress() ?? false} onClose={() => { panel.value = undefined; }} />
      )}
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
