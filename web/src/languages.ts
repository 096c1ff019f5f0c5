// SPDX-License-Identifier: MIT
//
// languages: which there are, and which one somebody reads.
export const languages = { en: 'English', fr: 'Français', de: 'Deutsch', es: 'Español', ar: 'العربية' } as const;
export type Language = keyof typeof languages;

export const isLanguage = (word: string): word is Language => Object.hasOwn(languages, word);
export const isRightToLeft = (language: string): boolean => language === 'ar';

export function chosenLanguage(): Language {
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem('sharestream.language');
  } catch { /* no storage */ }
  for (const wanted of [chosen ?? '', ...navigator.languages]) {
    const word = wanted.slice(0, 2).toLowerCase();
    if (isLanguage(word)) return word;
  }
  return 'en';
}
