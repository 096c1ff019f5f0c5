// SPDX-License-Identifier: MIT
//
// main: one view at a time, below the line that is always there. Views but the first come when they are wanted.
import './style.css';
import { type JSX, render } from 'preact';
import { useEffect } from 'preact/hooks';
import { type Signal, signal, useSignal } from '@preact/signals';
import { takeTokenFromAddress } from './api';
import { language, startLanguage, t } from './i18n';
import { type Place, place } from './router';
import { Top } from './ui/Top';
import { Uploads } from './ui/Uploads';
import { startWorker } from './worker_side';
import { Link, Notice } from './ui/parts';
import { Start } from './views/Start';

type View = (props: { at: Place }) => JSX.Element | null;
const loaders: Partial<Record<Place['view'], () => Promise<{ default: unknown }>>> = {
  watch: () => import('./views/Watch'),
  room: () => import('./views/Room'),
  talk: () => import('./views/Talk'),
  admin: () => import('./views/Admin'),
};
const loaded: Partial<Record<Place['view'], View>> = {};
const isReady: Signal<boolean> = signal(false);

function Later({ at }: { at: Place }) {
  const failed = useSignal(false), arrived = useSignal<string | undefined>(undefined);
  useEffect(() => {
    failed.value = false;
    loaders[at.view]?.().then((module) => {
      loaded[at.view] = module.default as View;
      arrived.value = at.view;
    }, () => { failed.value = true; });
  }, [at.view]);
  void arrived.value;
  const View = loaded[at.view];
  // Who goes on in a room with or without the film stays in it, and so does who looks at another part of the server.
  if (View) return <View at={at} key={at.view === 'room' ? at.code : at.view === 'admin' ? at.view : JSON.stringify(at)} />;
  if (failed.value) return <div class="start"><Notice title={t('error.offline')}><button type="button" class="button small" onClick={() => location.reload()}>{t('again')}</button></Notice></div>;
  return <div class="row"><span class="spinner" role="status"><span class="unseen">{t('loading')}</span></span></div>;
}

function Nowhere() {
  return <div class="card middle"><h1>{t('nowhere.title')}</h1><p class="soft">{t('nowhere.text')}</p><Link to={{ view: 'start' }} class="button main">{t('toStart')}</Link></div>;
}

function App() {
  const at = place.value;
  void language.value;
  useEffect(() => { if (at.view === 'start') document.title = 'ShareStream'; }, [at]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>{t('skip')}</a>
      <Top />
      <main id="main" tabIndex={-1} class={at.view === 'room' || at.view === 'watch' ? 'wide' : undefined}>
        <Uploads />
        {at.view === 'start' ? <Start at={at} /> : at.view === 'nowhere' ? <Nowhere /> : <Later at={at} />}
      </main>
    </>
  );
}

function Root() {
  return isReady.value ? <App /> : null;
}

// Who moves about at the start will watch something: what that takes is fetched ahead, unless bytes are dear.
function prepare(): void {
  if (place.value.view !== 'start') return;
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  if (connection?.saveData) return;
  void Promise.all([loaders.watch?.(), import('./chrome')]).catch(() => {}); // then it is asked for again
}

takeTokenFromAddress();
startWorker();
render(<Root />, document.getElementById('app') as HTMLElement);
void startLanguage().then(() => {
  isReady.value = true;
  for (const name of ['pointermove', 'touchstart', 'keydown']) addEventListener(name, prepare, { once: true, passive: true });
});
