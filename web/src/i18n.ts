// SPDX-License-Identifier: MIT
//
// i18n: every word of the page, in the language of whoever reads it. English is always here; another one is loaded when it is wanted.
// locales/*.json have the same keys all of them (test/test_locales.ts). A key with plurals has an object: {"one": ..., "other": ...}.
import { signal } from '@preact/signals';
import en from '../locales/en.json';
import { type Language, chosenLanguage, isRightToLeft } from './languages';
import { remember } from './memory';

export type Key = keyof typeof en;
type Words = Record<Key, string | Partial<Record<Intl.LDMLPluralRule, string>>>;

const loaders: Record<Exclude<Language, 'en'>, () => Promise<{ default: unknown }>> = {
  fr: () => import('../locales/fr.json'),
  de: () => import('../locales/de.json'),
  es: () => import('../locales/es.json'),
  ar: () => import('../locales/ar.json'),
};

export const language = signal<Language>('en');
const words = signal<Words>(en);

async function load(wanted: Language): Promise<void> {
  const loaded = wanted === 'en' ? en : (await loaders[wanted]()).default as Words;
  document.documentElement.lang = wanted;
  document.documentElement.dir = isRightToLeft(wanted) ? 'rtl' : 'ltr';
  language.value = wanted;
  words.value = loaded;
}

// The language of the browser, or the one chosen before. What cannot be loaded is told in English.
export const startLanguage = (): Promise<void> => load(chosenLanguage()).catch(() => load('en'));

export async function chooseLanguage(wanted: Language): Promise<void> {
  await load(wanted);
  remember('language', wanted);
}

// Words with what is to be filled in: t('peers', { count: 3 }).
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const found = words.value[key] ?? en[key];
  const count = Number(values['count'] ?? 0);
  const text = typeof found === 'string' ? found : found[new Intl.PluralRules(language.value).select(count)] ?? found.other ?? '';
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === 'number' ? value.toLocaleString(language.value) : value ?? '';
  });
}

// Is there such a key? For words that come from the services.
export const has = (key: string): key is Key => Object.hasOwn(en, key);

// ---- figures

const units = ['kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

export function bytes(value: number): string {
  let step = 0;
  for (value /= 1000; value >= 1000 && step + 1 < units.length; step++) value /= 1000;
  return new Intl.NumberFormat(language.value, { style: 'unit', unit: units[step] ?? 'kilobyte', unitDisplay: 'short',
    maximumFractionDigits: value < 10 && step > 0 ? 1 : 0 }).format(value);
}

export const rate = (value: number): string => t('perSecond', { amount: bytes(value) });

export const percent = (value: number): string =>
  new Intl.NumberFormat(language.value, { style: 'percent', maximumFractionDigits: 0 }).format(Math.floor(value * 100) / 100);

// "1:02:03"; digits are the same in all languages, as on players.
export function clockTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000)), two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

// "8 sec", "3 min", in whole units, never less than one.
export function duration(ms: number): string {
  const seconds = ms / 1000, [value, unit] = seconds < 90 ? [seconds, 'second'] : seconds < 5400 ? [seconds / 60, 'minute'] : [seconds / 3600, 'hour'];
  return new Intl.NumberFormat(language.value, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 0 }).format(Math.max(1, value));
}

export const dateTime = (unixMs: number): string =>
  new Intl.DateTimeFormat(language.value, { dateStyle: 'medium', timeStyle: 'medium' }).format(unixMs);

export const timeOfDay = (unixMs: number): string =>
  new Intl.DateTimeFormat(language.value, { hour: '2-digit', minute: '2-digit' }).format(unixMs);
