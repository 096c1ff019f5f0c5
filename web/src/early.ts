// SPDX-License-Identifier: MIT
//
// early: what has to be right before anything is drawn: colours, language and its direction; and words for when nothing will be, because
// the rest, which comes as modules, does not come.
import { chosenLanguage, isRightToLeft } from './languages';
import { offlineWords } from './offline';

const root = document.documentElement;
let theme: string | null = null;
try {
  theme = localStorage.getItem('sharestream.theme');
} catch { /* no storage: as the system has it */ }
root.dataset['theme'] = theme ?? (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
root.lang = chosenLanguage();
root.dir = isRightToLeft(root.lang) ? 'rtl' : 'ltr';

// ---- a page of which parts are missing

const PAUSE_MS = 2000; // in which a server that was started anew is back

function complain(): void {
  const { title, text, again } = offlineWords(), main = document.createElement('main'), card = document.createElement('div'), head = document.createElement('h1'), words = document.createElement('p'), link = document.createElement('a');
  card.className = 'card middle';
  head.textContent = title;
  words.textContent = text;
  link.textContent = again;
  link.href = location.href;
  link.className = 'button main';
  link.addEventListener('click', (event) => {
    event.preventDefault();
    location.reload();
  });
  card.append(head, words, link);
  main.append(card);
  document.getElementById('app')?.replaceChildren(main);
}

addEventListener('error', ({ target }) => {
  if (!(target instanceof HTMLScriptElement)) return;
  const [visit] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  // Once by itself: it may be something that does not pass.
  if (visit?.type !== 'reload') setTimeout(() => location.reload(), PAUSE_MS);
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', complain);
  else complain();
}, { capture: true });
