// SPDX-License-Identifier: MIT
//
// sending: one file to the server, by tus. Whatever breaks on the way is tried again until it works, is paused or makes no sense; parts
// are as large as the line carries in some seconds. What players need of the end of a film goes first (film_index.ts).
import { signal } from '@preact/signals';
import { type DetailedError, Upload } from 'tus-js-client';
import { ApiError, api, token } from './api';
import { indexAt } from './film_index';
import { here } from './router';
import type { Sending, SendingState } from './uploads';

const PART_MIN = 64 << 10, PART_FIRST = 512 << 10, PART_MAX = 8 << 20, TAIL_MAX = 12 << 20;
const PART_MS = 3000, RETRY_MS = 2000, RATE_MS = 8000;

function asApiError(reason: Error | DetailedError): ApiError {
  const answer = 'originalResponse' in reason ? reason.originalResponse : undefined;
  if (!answer) return new ApiError(0, 'offline', reason.message);
  try {
    const { code, message, advice } = (JSON.parse(answer.getBody()) as { error: { code: string; message: string; advice?: string } }).error;
    return new ApiError(answer.getStatus(), code, message, advice);
  } catch {
    return new ApiError(answer.getStatus(), 'internal', reason.message);
  }
}

// What passes by itself: nobody answers, somebody is restarting, another request (of a page that was just left) still holds the file.
const passes = ({ status }: ApiError): boolean => status === 0 || status === 408 || status === 409 || status === 423 || status === 429 || (status >= 500 && status !== 507);

const headers = (): Record<string, string> => (token.value ? { Authorization: `Bearer ${token.value}` } : {});

// Without it the film plays as well, only later.
async function sendTail(file: File, hash: string): Promise<void> {
  try {
    const at = await indexAt(file);
    if (at === undefined) return;
    const { pieceBytes, receivedBytes = 0, tailBytes = 0 } = await api.upload(hash), from = Math.floor(at / pieceBytes) * pieceBytes;
    if (tailBytes > 0 || from <= receivedBytes || file.size - from > TAIL_MAX) return;
    await fetch(here(`api/v1/uploads/${hash}/tail`), { method: 'PUT', body: file.slice(from),
      headers: { ...headers(), 'Tus-Resumable': '1.0.0', 'Upload-Offset': String(from), 'Content-Type': 'application/offset+octet-stream' } });
  } catch { /* see above */ }
}

export async function send(file: File): Promise<Sending> {
  const sentBytes = signal(0), rate = signal(0), state = signal<SendingState>('sending'), error = signal<unknown>(undefined);
  let partMax = PART_MAX, timer: ReturnType<typeof setTimeout> | undefined, clock: typeof timer, samples: [ms: number, bytes: number][] = [], partBeganMs = 0, tail: Promise<void> | undefined;
  let onKnown: (hash: string) => void = () => {}, onRefused: (reason: ApiError) => void = () => {};
  const known = new Promise<string>((resolve, reject) => { onKnown = resolve; onRefused = reject; });
  const hashOf = () => upload.url?.slice(upload.url.lastIndexOf('/') + 1) ?? '';

  const upload: Upload = new Upload(file, { endpoint: here('api/v1/uploads').href, metadata: { filename: file.name, filetype: file.type }, headers: headers(), chunkSize: PART_FIRST,
    retryDelays: null, removeFingerprintOnSuccess: false,
    onUploadUrlAvailable: () => onKnown(hashOf()),
    onBeforeRequest: async (request) => {
      if (request.getMethod() !== 'PATCH') return;
      await (tail ??= sendTail(file, hashOf()));
      partBeganMs = performance.now();
    },
    onProgress: (bytes) => {
      sentBytes.value = bytes;
      if (state.value === 'waiting') state.value = 'sending';
      measure();
    },
    onChunkComplete: (size) => {
      const fits = size * PART_MS / Math.max(1, performance.now() - partBeganMs);
      upload.options.chunkSize = Math.round(Math.min(partMax, Math.max(PART_MIN, fits, size / 4), size * 4));
    },
    onSuccess: () => {
      sentBytes.value = file.size;
      state.value = 'sent';
    },
    onError: (reason) => {
      const failure = asApiError(reason);
      samples = [];
      rate.value = 0;
      error.value = failure;
      onRefused(failure); // of no effect once it is known
      if (state.value === 'paused') return;
      const size = upload.options.chunkSize ?? PART_FIRST, isTooLarge = failure.status === 413 && failure.code === 'internal' && size > PART_MIN;
      if (isTooLarge) partMax = size / 2; // says a proxy on the way
      upload.options.chunkSize = Math.max(PART_MIN, size / 4);
      state.value = passes(failure) || isTooLarge ? 'waiting' : 'failed';
      if (state.value === 'waiting') timer = setTimeout(start, RETRY_MS);
    } });

  // Also when nothing goes.
  function measure(): void {
    clearTimeout(clock);
    if (state.value !== 'sending') return;
    const now = performance.now();
    samples = [...samples.filter(([ms]) => now - ms < RATE_MS), [now, sentBytes.value]];
    const [[firstMs, first] = [now, 0]] = samples;
    rate.value = now > firstMs ? Math.max(0, (sentBytes.value - first) * 1000 / (now - firstMs)) : 0;
    clock = setTimeout(measure, 1000);
  }

  function start(): void {
    clearTimeout(timer);
    tail = undefined;
    upload.options.headers = headers(); // the token may be another one by now
    upload.start();
  }

  const sending: Sending = { hash: '', name: file.name, sizeBytes: file.size, sentBytes, rate, state, error,
    pause() {
      clearTimeout(timer);
      state.value = 'paused';
      rate.value = 0;
      samples = [];
      void upload.abort();
    },
    resume() {
      state.value = 'sending';
      error.value = undefined;
      start();
    },
    async cancel() {
      sending.pause();
      await upload.abort(true).catch(() => {});
    } };
  const [before] = await upload.findPreviousUploads();
  if (before) upload.resumeFromPreviousUpload(before);
  start();
  try {
    sending.hash = await known;
    return sending;
  } catch (reason) {
    clearTimeout(timer);
    sending.pause();
    throw reason;
  }
}
