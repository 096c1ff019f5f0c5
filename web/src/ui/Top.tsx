// SPDX-License-Identifier: MIT
//
// Top: the line above every view.
import { effect, signal } from '@preact/signals';
import { chooseLanguage, language, t } from '../i18n';
import { isLanguage, languages } from '../languages';
import { recall, remember } from '../memory';
import { place } from '../router';
import { Icon, Logo } from './Icon';
import { Link } from './parts';

const systemIsLight = matchMedia('(prefers-color-scheme: light)');
const theme = signal(recall('theme') ?? (systemIsLight.matches ? 'light' : 'dark'));
systemIsLight.addEventListener('change', ({ matches }) => { if (!recall('theme')) theme.value = matches ? 'light' : 'dark'; });
effect(() => { document.documentElement.dataset['theme'] = theme.value; });

function switchTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  remember('theme', theme.value);
}

export function Top() {
  return (
    <header class="top">
      <Link to={{ view: 'start' }} class="brand" aria-label={t('toStart')}><Logo /><span>ShareStream</span></Link>
      <div class="grow" />
      {place.value.view === 'start' && <Link to={{ view: 'admin' }} class="button bare icon" aria-label={t('admin.title')}><Icon name="gear" /></Link>}
      <select class="choice" aria-label={t('language')} value={language.value}
        onChange={({ currentTarget: { value } }) => { if (isLanguage(value)) void chooseLanguage(value); }}>
        {Object.entries(languages).map(([code, name]) => <option key={code} value={code} lang={code}>{name}</option>)}
      </select>
      <button type="button" class="button bare icon" aria-label={t(theme.value === 'dark' ? 'theme.light' : 'theme.dark')} onClick={switchTheme}>
        <Icon name={theme.value === 'dark' ? 'sun' : 'moon'} />
      </button>
    </header>
  );
}
