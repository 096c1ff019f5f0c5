// SPDX-License-Identifier: MIT
//
// keys: a film by the keyboard, wherever on the page somebody is, unless that key is used there. The help lists the same rows.
export type Action = 'toggle' | 'back' | 'forward' | 'backALittle' | 'forwardALittle' | 'louder' | 'quieter' | 'mute' | 'full' | 'captions' | 'goTo' | 'help';

// As they are on the keyboard, for people; what `event.key` calls them.
export const rows: { does: Action; shown: string[]; keys: string[] }[] = [
  { does: 'toggle', shown: ['␣', 'K'], keys: [' ', 'k'] },
  { does: 'back', shown: ['J'], keys: ['j'] },
  { does: 'forward', shown: ['L'], keys: ['l'] },
  { does: 'backALittle', shown: ['←'], keys: ['ArrowLeft'] },
  { does: 'forwardALittle', shown: ['→'], keys: ['ArrowRight'] },
  { does: 'louder', shown: ['↑'], keys: ['ArrowUp'] },
  { does: 'quieter', shown: ['↓'], keys: ['ArrowDown'] },
  { does: 'mute', shown: ['M'], keys: ['m'] },
  { does: 'full', shown: ['F'], keys: ['f'] },
  { does: 'captions', shown: ['C'], keys: ['c'] },
  { does: 'goTo', shown: ['0', '…', '9'], keys: [...'0123456789'] },
  { does: 'help', shown: ['?'], keys: ['?'] },
];

const FAR_S = 10;
const LITTLE_S = 5;
const VOLUME_STEP = 0.05;

export const isWritingIn = (target: EventTarget | undefined): boolean => target instanceof HTMLElement && target.matches('input:not([type=range]), textarea, select, [contenteditable]');

function isUsedThere(key: string, event: KeyboardEvent, stage: HTMLElement): boolean {
  const [target] = event.composedPath();
  if (!(target instanceof HTMLElement)) return false;
  if (isWritingIn(target)) return true;
  if (key === ' ') return target.closest('button, a, summary, [role=button], [role=tab]') !== null;
  const isInPlayer = stage.contains(event.target as Node) || document.fullscreenElement !== null;
  if (key === 'ArrowUp' || key === 'ArrowDown') return target.matches('input') || !isInPlayer; // else they move the page
  if (key.startsWith('Arrow')) return target.matches('input') || (target !== document.body && !isInPlayer);
  return false;
}

// Asks media-chrome's controls, as a click on them does, so that whoever listens to those (a room) hears of it. Returns what ends it.
export function hearKeys(stage: HTMLElement, { lastsS, onCaptions, onHelp }: { lastsS(): number; onCaptions(): void; onHelp(): void }): () => void {
  const video = () => stage.querySelector('video');
  const ask = (name: string, detail?: unknown) => stage.querySelector('media-controller')?.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail }));
  // Nobody else's matter; and the controls do nothing while a player has failed.
  const sound = (change: (element: HTMLVideoElement) => void) => {
    const element = video();
    if (element) change(element);
  };
  const seek = (seconds: number) => {
    if (Number.isFinite(seconds)) ask('mediaseekrequest', Math.max(0, Math.min(lastsS(), seconds)));
  };
  const move = (seconds: number) => seek((video()?.currentTime ?? 0) + seconds);
  const actions: Record<Action, (key: string) => void> = {
    toggle: () => ask(video()?.paused ? 'mediaplayrequest' : 'mediapauserequest'),
    back: () => move(-FAR_S),
    forward: () => move(FAR_S),
    backALittle: () => move(-LITTLE_S),
    forwardALittle: () => move(LITTLE_S),
    louder: () => sound((element) => { element.volume = Math.min(1, element.volume + VOLUME_STEP); }),
    quieter: () => sound((element) => { element.volume = Math.max(0, element.volume - VOLUME_STEP); }),
    mute: () => sound((element) => { element.muted = !element.muted; }),
    full: () => ask(document.fullscreenElement ? 'mediaexitfullscreenrequest' : 'mediaenterfullscreenrequest'),
    captions: onCaptions,
    goTo: (key) => seek(lastsS() * Number(key) / 10),
    help: onHelp,
  };
  const hear = (event: KeyboardEvent) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, row = rows.find(({ keys }) => keys.includes(key));
    if (!row || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !video()) return;
    if (document.querySelector('dialog[open]') || isUsedThere(key, event, stage)) return;
    event.preventDefault();
    actions[row.does](key);
  };
  document.addEventListener('keydown', hear);
  return () => document.removeEventListener('keydown', hear);
}
