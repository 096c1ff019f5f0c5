// SPDX-License-Identifier: MIT
//
// early: what has to be right before anything is drawn: colours, language and its direction. The rest comes as modules, later.
import { chosenLanguage, isRightToLeft } from './languages';

const root = document.documentElement;
let theme: string | null = null;
try {
  theme = localStorage.getItem('sharestream.theme');
} catch { /* no storage: as the system has it */ }
root.dataset['theme'] = theme ?? (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
root.lang = chosenLanguage();
root.dir = isRightToLeft(root.lang) ? 'rtl' : 'ltr';
