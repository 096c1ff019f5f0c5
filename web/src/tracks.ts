// SPDX-License-Identifier: MIT
//
// tracks: which sound and which subtitles of a film somebody wants. What was chosen for a film is kept for it; a film that is new gets
// the language of the last choice.
import { type Signal, computed, effect, signal } from '@preact/signals';
import { type Media, type Subtitle, api } from './api';
import type { Film } from './film';
import { isGuest } from './grants';
import { language, t } from './i18n';
import { recall, remember } from './memory';
import { cut } from './text';

export interface Sound { stream: number; name: string; language: string }
export const sizes = ['small', 'normal', 'large', 'huge'] as const;
export type Size = typeof sizes[number];

interface Chosen { film: string; sound?: number | undefined; text?: string | undefined; delayMs?: number | undefined }

export interface Tracks {
  sounds: Signal<Sound[]>;
  sound: Signal<number | undefined>; // a stream; undefined: the one that the film has first
  texts: Signal<Subtitle[]>;
  text: Signal<string>;              // an id; empty: none
  delayMs: Signal<number>;
  shown: Signal<Subtitle | undefined>;
  mayAdd: Signal<boolean>;           // and remove what was added
  error: Signal<unknown>;
  look(): Promise<void>;             // asks for subtitles again: others add some as well
  chooseSound(stream: number): void;
  chooseText(id: string): void;
  toggleText(): void;
  setDelay(ms: number): void;
  add(file: File): Promise<void>;
  remove(id: string): Promise<void>;
  end(): void;
}

export const DELAY_MOST_MS = 60000;
const FILMS_KEPT = 50;
const NAME_BYTES = 80;

const size = signal<Size>(sizes.find((one) => one === recall('text-size')) ?? 'normal');
export const textSize = computed(() => size.value);

export function setTextSize(value: Size): void {
  size.value = value;
  remember('text-size', value);
}

// ---- what is kept

function keptChoices(): Chosen[] {
  try {
    const found: unknown = JSON.parse(recall('tracks') ?? '[]');
    return Array.isArray(found) ? (found as unknown[]).filter((one): one is Chosen => typeof one === 'object' && one !== null) : [];
  } catch {
    return [];
  }
}

function keep(chosen: Chosen): void {
  remember('tracks', JSON.stringify([...keptChoices().filter(({ film }) => film !== chosen.film), chosen].slice(-FILMS_KEPT)));
}

// ---- languages

// "ger", "deu" and "de" are one, "pt-BR" is Portuguese.
export function plainLanguage(tag: string): string {
  try {
    return new Intl.Locale(tag).language.replace(/^und$/, '');
  } catch {
    return '';
  }
}

function languageName(tag: string, speaker: string = language.value): string {
  try {
    const name = (tag && new Intl.DisplayNames(speaker, { type: 'language', fallback: 'none' }).of(tag)) || '';
    return name.charAt(0).toLocaleUpperCase(speaker) + name.slice(1);
  } catch {
    return '';
  }
}

// The server's name for it, "German (2)", with the language in that of the page.
export function nameOf({ name, language: tag }: Subtitle): string {
  const english = languageName(plainLanguage(tag), 'en');
  return english && name.startsWith(english) ? languageName(plainLanguage(tag)) + name.slice(english.length) : name;
}

// What a track is called, and what the file says of it besides, where that is more.
function named(tag: string, title: string, otherwise: string): string {
  const name = languageName(plainLanguage(tag));
  return name && title && !title.toLowerCase().includes(name.toLowerCase()) ? `${name}: ${title}` : title || name || otherwise;
}

function soundsOf({ media: { streams } }: Media): Sound[] {
  const found = streams.filter(({ kind }) => kind === 'audio').map(({ index, language: tag, title }, number) =>
    ({ stream: index, language: plainLanguage(tag), name: named(tag, title, t('tracks.sound', { number: number + 1 })) }));
  return found.map((one, number) => (found.some((other) => other !== one && other.name === one.name) ? { ...one, name: `${one.name} (${number + 1})` } : one));
}

// ---- of a film

export function openTracks(film: Film): Tracks {
  const sounds = computed(() => (film.media.value ? soundsOf(film.media.value) : [])), sound = signal<number | undefined>(undefined);
  const texts = signal<Subtitle[]>([]), text = signal(''), delayMs = signal(0), error = signal<unknown>(undefined);
  const mayAdd = computed(() => !isGuest.value), shown = computed(() => texts.value.find(({ id }) => id === text.value));
  const ended = new AbortController();
  let at: { hash: string; file: number } | undefined, lastText = '', isChosen = false;

  const kept = (): Chosen | undefined => keptChoices().find((one) => one.film === (at && `${at.hash}/${at.file}`));
  const keepAll = () => { if (at) keep({ film: `${at.hash}/${at.file}`, sound: sound.value, text: text.value, delayMs: delayMs.value }); };

  function begin(media: Media): void {
    const before = kept(), found = sounds.value, wanted = found.find(({ stream }) => stream === before?.sound) ?? (before ? undefined : found.find((one) => one.language !== '' && one.language === recall('sound-language')));
    sound.value = wanted && wanted.stream !== media.media.audio ? wanted.stream : undefined;
    delayMs.value = Number(before?.delayMs) || 0;
  }

  async function look(): Promise<void> {
    if (!at) return;
    try {
      texts.value = await api.subtitles(at.hash, at.file, ended.signal);
      error.value = undefined;
    } catch (reason) {
      if (!ended.signal.aborted) error.value = reason;
      return;
    }
    if (isChosen) return;
    isChosen = true;
    const before = kept(), wanted = recall('text-language');
    text.value = before?.text !== undefined ? texts.value.find(({ id }) => id === before.text)?.id ?? ''
      : texts.value.find((one) => wanted && plainLanguage(one.language) === wanted && !one.isForced && !one.isImage)?.id ?? '';
  }

  const stop = effect(() => {
    const media = film.media.value, hash = film.torrent.peek()?.infoHash, file = film.file.peek()?.id;
    if (!media || !hash || file === undefined || at) return;
    at = { hash, file };
    begin(media);
    void look();
  });

  function chooseText(id: string): void {
    isChosen = true;
    if (text.value) lastText = text.value;
    text.value = id;
    remember('text-language', plainLanguage(shown.value?.language ?? ''));
    keepAll();
  }

  return { sounds, sound, texts, text, delayMs, shown, mayAdd, error, look, chooseText,
    chooseSound(stream) {
      sound.value = stream === film.media.value?.media.audio ? undefined : stream;
      remember('sound-language', sounds.value.find((one) => one.stream === stream)?.language ?? '');
      keepAll();
    },
    // On again what was on last; else what the reader most likely reads.
    toggleText() {
      const likely = texts.value.find((one) => plainLanguage(one.language) === language.value && !one.isForced) ?? texts.value[0];
      chooseText(text.value ? '' : texts.value.find(({ id }) => id === lastText)?.id ?? likely?.id ?? '');
    },
    setDelay(ms) {
      delayMs.value = Math.max(-DELAY_MOST_MS, Math.min(DELAY_MOST_MS, Math.round(ms)));
      keepAll();
    },
    async add(file) {
      if (!at) return;
      error.value = undefined;
      try {
        const added = await api.addSubtitle(at.hash, at.file, file, cut(file.name.replace(/\.[^.]*$/, ''), NAME_BYTES));
        texts.value = [...texts.value, added];
        chooseText(added.id);
      } catch (reason) {
        error.value = reason;
      }
    },
    async remove(id) {
      if (!at) return;
      try {
        await api.removeSubtitle(at.hash, at.file, id);
        texts.value = texts.value.filter((one) => one.id !== id);
        if (text.value === id) chooseText('');
      } catch (reason) {
        error.value = reason;
      }
    },
    end() {
      ended.abort();
      stop();
    } };
}
