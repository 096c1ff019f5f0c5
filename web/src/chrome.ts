// SPDX-License-Identifier: MIT
//
// chrome: the controls over a film, in the language of the page. Loaded with the first player.
import 'media-chrome';
import type { En } from 'media-chrome/dist/lang/en.js';
import { addTranslation } from 'media-chrome/dist/utils/i18n.js';
import { language } from './i18n';
import type { Language } from './languages';

const others: Partial<Record<Language, () => Promise<unknown>>> = {
  ar: async () => addTranslation('ar', (await import('./chrome_ar')).Ar as typeof En),
  fr: () => import('media-chrome/dist/lang/fr.js'),
  de: () => import('media-chrome/dist/lang/de.js'),
  es: () => import('media-chrome/dist/lang/es.js'),
};

export const speakLanguage = async (): Promise<void> => { await others[language.value]?.(); };
