// SPDX-License-Identifier: MIT
//
// offline: the few words there are when nothing else could be fetched. Made by build.mjs of locales/*.json.
import { type Language, chosenLanguage, isRightToLeft } from './languages';

declare const OFFLINE_WORDS: Record<Language, Record<'offline.title' | 'offline.text' | 'again', string>>;

export function offlineWords(): { language: Language; direction: string; title: string; text: string; again: string } {
  const language = chosenLanguage(), { 'offline.title': title, 'offline.text': text, again } = OFFLINE_WORDS[language];
  return { language, direction: isRightToLeft(language) ? 'rtl' : 'ltr', title, text, again };
}
