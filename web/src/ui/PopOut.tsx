// SPDX-License-Identifier: MIT
//
// PopOut: a part of the page in a window of its own, for another screen. It is this page that draws there, so it is the same member, and
// no second connection.
import { type ComponentChildren, render } from 'preact';
import { useEffect } from 'preact/hooks';

const SIZE = 'popup,width=400,height=640';

// Only right after somebody pressed something; undefined: this browser opens none.
export const openWindow = (): Window | undefined => open('', '', SIZE) ?? undefined;

export function PopOut({ into, title, onClose, children }: { into: Window; title: string; onClose: () => void; children: ComponentChildren }) {
  const page = into.document;
  useEffect(() => {
    const ours = document.documentElement, style = document.querySelector<HTMLLinkElement>('link[rel=stylesheet]'), body = page.createElement('main');
    const copy = () => { for (const name of ['lang', 'dir', 'data-theme']) page.documentElement.setAttribute(name, ours.getAttribute(name) ?? ''); };
    const watch = new MutationObserver(copy);
    if (style) page.head.append(Object.assign(page.createElement('link'), { rel: 'stylesheet', href: style.href }));
    body.className = 'popped';
    page.body.replaceChildren(body);
    copy();
    watch.observe(ours, { attributes: true });
    const close = () => into.close();
    into.addEventListener('pagehide', onClose);
    addEventListener('pagehide', close);
    return () => {
      watch.disconnect();
      into.removeEventListener('pagehide', onClose);
      removeEventListener('pagehide', close);
      render(null, body);
      close();
    };
  }, [into]);
  useEffect(() => {
    page.title = title;
    const body = page.querySelector('main');
    if (body) render(children, body);
  });
  return null;
}
