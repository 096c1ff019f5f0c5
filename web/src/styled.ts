// SPDX-License-Identifier: MIT
//
// styled: subtitles as their authors drew them (ASS), by libass in a worker. Loaded with the first such track. Whoever cannot have that
// gets them plain, from lines.ts.
import JASSUB from 'jassub';
import wasm from 'jassub/dist/wasm/jassub-worker.wasm';
import arabic from '@fontsource/noto-sans-arabic/files/noto-sans-arabic-arabic-400-normal.woff2';
import arabicLatin from '@fontsource/noto-sans-arabic/files/noto-sans-arabic-latin-400-normal.woff2';
import cyrillic from '@fontsource/arimo/files/arimo-cyrillic-400-normal.woff2';
import greek from '@fontsource/arimo/files/arimo-greek-400-normal.woff2';
import hebrew from '@fontsource/arimo/files/arimo-hebrew-400-normal.woff2';
import latin from '@fontsource/arimo/files/arimo-latin-400-normal.woff2';
import latinMore from '@fontsource/arimo/files/arimo-latin-ext-400-normal.woff2';
import type { ReadonlySignal } from '@preact/signals';
import type { Size } from './tracks';

const SCRIPT_MAX = 16 << 20; // bytes
const READY_MS = 30000;
const TIMES: Record<Size, number> = { small: 0.75, normal: 1, large: 1.35, huge: 1.8 }; // as style.css has them

// What is made beside this file lies beside it.
const beside = (name: string): string => new URL(name, import.meta.url).href;

// For what the film brings no font: one that is as wide as Arial, and one for Arabic, each in parts.
const usual = { name: 'arimo', files: [latin, latinMore, cyrillic, greek, hebrew] }, forArabic = { name: 'noto sans arabic', files: [arabic, arabicLatin] };

// The page itself may not make code of bytes (decision 0018), which is how it would find out whether this could be true.
JASSUB._supportsSIMD = false;

async function fetchText(url: string, ended: AbortSignal): Promise<string> {
  const answer = await fetch(url, { signal: ended });
  if (!answer.ok || Number(answer.headers.get('content-length')) > SCRIPT_MAX) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.text();
}

interface Wish { script: string; fonts: string[]; delayMs: ReadonlySignal<number>; size: ReadonlySignal<Size>; ended: AbortSignal }

// Until `ended`. Rejects when it cannot be.
export async function showStyled(video: HTMLVideoElement, { script, fonts, delayMs, size, ended }: Wish): Promise<void> {
  if (!('requestVideoFrameCallback' in video) || !('transferControlToOffscreen' in HTMLCanvasElement.prototype)) throw new Error('this browser is too old');
  const text = await fetchText(script, ended), fallback = /[\u0600-\u06ff]/.test(text) ? forArabic : usual;
  ended.throwIfAborted();
  const canvas = document.createElement('canvas');
  canvas.className = 'styled';
  canvas.setAttribute('noautohide', ''); // it is not one of the controls, though it lies among them
  video.after(canvas);
  const drawer = new JASSUB({ video, canvas, subContent: text, fonts: [...fonts, ...fallback.files.map(beside)], defaultFont: fallback.name, queryFonts: false,
    timeOffset: -delayMs.peek() / 1000, workerUrl: beside(STYLED_WORKER), wasmUrl: beside(wasm) });
  const end = () => {
    void drawer.destroy().catch(() => {});
    drawer._worker.terminate(); // which would wait for an answer of it first
    canvas.remove();
  };
  const begin = async () => {
    await drawer.ready;
    const found = await drawer.renderer.getStyles(); // which there are only if all went well
    // It draws when a frame is shown: of a film that stands still the last one was.
    await drawer.manualRender({ mediaTime: video.currentTime, width: video.videoWidth, height: video.videoHeight, expectedDisplayTime: 0 }, true);
    return found;
  };
  const styles = await Promise.race([begin(), new Promise<never>((_, reject) => {
    drawer._worker.addEventListener('error', reject);
    setTimeout(reject, READY_MS, new Error('the worker does not answer'));
    ended.addEventListener('abort', () => reject(ended.reason));
  })]).catch((reason: unknown) => {
    end();
    throw reason;
  });
  if (ended.aborted) return end();
  let isTimed = false;
  const stops = [
    delayMs.subscribe((ms) => {
      drawer.timeOffset = -ms / 1000;
      if (isTimed) void drawer.resize(true);
      isTimed = true;
    }),
    size.subscribe((now) => {
      for (const [i, style] of styles.entries()) void drawer.renderer.setStyle({ ...style, FontSize: style.FontSize * TIMES[now] }, i);
      void drawer.resize(true);
    }),
  ];
  ended.addEventListener('abort', () => {
    for (const stop of stops) stop();
    end();
  });
}
