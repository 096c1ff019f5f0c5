// SPDX-License-Identifier: MIT
//
// build: the page, as files and as C. `node build.mjs OUT` writes OUT/site (what is served, packed as well) and OUT/page_files.c,
// which puts all of it into http-svc (services/http-svc/page.h). CMake calls it; nothing else is needed to change the page.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { build } from 'esbuild';
import sharp from 'sharp';

const here = (name) => new URL(name, import.meta.url).pathname;
const out = path.resolve(process.argv[2] ?? here('dist'));
const site = path.join(out, 'site');
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8', '.png': 'image/png', '.webmanifest': 'application/manifest+json', '.wasm': 'application/wasm', '.woff2': 'font/woff2' };
// Of what a visitor loads before a player is asked for, packed.
const FIRST_LOAD_BYTES = 200 << 10;

fs.rmSync(site, { recursive: true, force: true });
const common = { bundle: true, minify: true, outdir: path.join(site, 'assets'), target: ['es2022'], entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]', loader: { '.svg': 'file', '.wasm': 'file', '.woff2': 'file' }, legalComments: 'none', metafile: true, absWorkingDir: here('.'),
  alias: { 'lfa-ponyfill': here('src/left_out.ts'), 'rvfc-polyfill': here('src/left_out.ts') } };
// Whole in itself, as a worker has to be.
const worker = await build({ ...common, entryPoints: [{ in: here('node_modules/jassub/dist/worker/worker.js'), out: 'styled-worker' }], format: 'esm' });
const [workerFile] = Object.keys(worker.metafile.outputs);
const { metafile } = await build({ ...common, entryPoints: [here('src/main.tsx')], format: 'esm', splitting: true, jsx: 'automatic', jsxImportSource: 'preact',
  // webtorrent is written for Node; these are what it wants of it.
  alias: { ...common.alias, path: 'path-esm' },
  define: { STYLED_WORKER: JSON.stringify(path.basename(workerFile)), global: 'globalThis', process: '{"env":{},"browser":true}', 'process.nextTick': 'queueMicrotask' } });
// The words of offline.ts.
const offline = Object.fromEntries(fs.readdirSync(here('locales')).map((name) => {
  const words = JSON.parse(fs.readFileSync(here(`locales/${name}`), 'utf8'));
  return [path.basename(name, '.json'), Object.fromEntries(['offline.title', 'offline.text', 'again'].map((key) => [key, words[key]]))];
}));
const alone = { ...common, format: 'iife', define: { OFFLINE_WORDS: JSON.stringify(offline) } };
// Runs before anything is drawn, so that no wrong colour or direction is seen.
const early = await build({ ...alone, entryPoints: [here('src/early.ts')] });
// It has one name for ever: browsers ask for it again by themselves.
await build({ ...alone, entryPoints: [here('src/worker.ts')], outdir: site, entryNames: '[name]' });
const icon = await build({ ...common, entryPoints: [here('src/icon.svg')], loader: { '.svg': 'copy' } });

const outputs = { ...metafile.outputs, ...early.metafile.outputs, ...icon.metafile.outputs };
const outputOf = (name, ending) => {
  const found = Object.entries(outputs).find(([file, { entryPoint, cssBundle }]) => entryPoint === name && (file.endsWith(ending) || cssBundle));
  if (!found) throw new Error(`nothing was made of ${name}`);
  return found[0].endsWith(ending) ? found[0] : found[1].cssBundle;
};
const url = (file) => path.relative(site, path.resolve(here('.'), file));
const main = outputOf('src/main.tsx', '.js'), style = metafile.outputs[main].cssBundle;

// What others wrote, and under which terms: that is part of what is given away.
const parts = [...new Set([...Object.keys(metafile.inputs), ...Object.keys(worker.metafile.inputs)].map((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]).filter(Boolean))].sort();
// What a package has compiled into it, of which the text that it brings says nothing.
const within = {
  jassub: ({ version, repository }) => `
Compiled into its .wasm files: libass (ISC), FriBidi (LGPL 2.1 or later), HarfBuzz (Old MIT), FreeType (FreeType Project Licence).
Their sources, and how they are built, are version ${version} of ${repository.url.replace(/^git\+|\.git$/g, '')} and its submodules; the .wasm files in assets/ may be replaced by others built of them.
Portions of this software are copyright (c) The FreeType Project (www.freetype.org). All rights reserved.

${fs.readFileSync('/usr/share/common-licenses/LGPL-2.1', 'utf8').trim()}
`,
};
const licences = parts.map((name) => {
  const folder = here(`node_modules/${name}`), { version, license, repository } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const file = fs.readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  return `${name} ${version}: ${license}\n\n${file ? fs.readFileSync(path.join(folder, file), 'utf8').trim() : ''}\n${within[name]?.({ version, repository }) ?? ''}`;
}).join('\n----\n\n');
// A file of the site with a name that changes with what is in it.
const write = (name, ending, data) => {
  const file = `assets/${name}-${crypto.createHash('sha256').update(data).digest('hex').slice(0, 8)}${ending}`;
  fs.writeFileSync(path.join(site, file), data);
  return file;
};
const terms = write('licences', '.txt', licences);

// What makes an app of it. Systems that cut icons to a shape of their own get one whose edges are only ground (maskable).
const GROUND = '#0e1015', BRAND = '#5b5bf0', SAFE = 0.75;
const draw = (size) => sharp(here('src/icon.svg'), { density: 72 * size / 32 }).resize(size, size).png().toBuffer();
const drawWhole = async (size) => sharp({ create: { width: size, height: size, channels: 3, background: BRAND } })
  .composite([{ input: await draw(Math.round(size * SAFE)) }]).png().toBuffer();
const iconOf = (file, sizes, purpose = 'any') => ({ src: path.basename(file), sizes, type: types[path.extname(file)], purpose });
const touch = write('touch', '.png', await drawWhole(180)), description = 'Watch together what you have, while it downloads.';
const manifest = write('app', '.webmanifest', JSON.stringify({ name: 'ShareStream', short_name: 'ShareStream', description, start_url: '../', scope: '../', display: 'standalone',
  background_color: GROUND, theme_color: GROUND,
  icons: [iconOf(write('icon192', '.png', await draw(192)), '192x192'), iconOf(write('icon512', '.png', await draw(512)), '512x512'),
    iconOf(write('whole512', '.png', await drawWhole(512)), '512x512', 'maskable'), iconOf(url(outputOf('src/icon.svg', '.svg')), 'any')],
  share_target: { action: '../', method: 'GET', enctype: 'application/x-www-form-urlencoded', params: { title: 'title', text: 'text', url: 'url' } },
  protocol_handlers: [{ protocol: 'magnet', url: '../?magnet=%s' }] }));

const words = { LICENCES: terms, TOUCH: touch, MANIFEST: manifest, MAIN: url(main), STYLE: url(style), EARLY: url(outputOf('src/early.ts', '.js')), ICON: url(outputOf('src/icon.svg', '.svg')) };
const template = fs.readFileSync(here('src/index.html'), 'utf8');
for (const [name, base] of [['index.html', './'], ['room.html', '../']])
  fs.writeFileSync(path.join(site, name), template.replace(/%([A-Z]+)%/g, (_, word) => ({ ...words, BASE: base })[word]));

// ---- packed, and as C

const walk = (folder) => fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? walk(path.join(folder, entry.name)) : [path.join(folder, entry.name)]).sort();
const packed = {};
const rows = walk(site).map((file, number) => {
  const data = fs.readFileSync(file), name = `/${path.relative(site, file)}`;
  const gzip = zlib.gzipSync(data, { level: 9 }), brotli = zlib.brotliCompressSync(data, { params: { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: data.length } });
  fs.writeFileSync(`${file}.gz`, gzip);
  fs.writeFileSync(`${file}.br`, brotli);
  packed[name] = gzip.length;
  const bytes = (ending, how) => `__asm__(".section .rodata\\n.balign 16\\n.global page_${number}_${how}\\npage_${number}_${how}:\\n.incbin \\"${file}${ending}\\"\\n.previous");
extern const unsigned char page_${number}_${how}[];\n`;
  return { head: bytes('', 'plain') + bytes('.gz', 'gzip') + bytes('.br', 'brotli'),
    row: `    {"${name}", "${types[path.extname(name)] ?? 'application/octet-stream'}", "${crypto.createHash('sha256').update(data).digest('hex').slice(0, 16)}",
     {{page_${number}_plain, ${data.length}}, {page_${number}_gzip, ${gzip.length}}, {page_${number}_brotli, ${brotli.length}}}},\n` };
});
fs.writeFileSync(path.join(out, 'page_files.c'), `/* Made by web/build.mjs. */
#include "page.h"

${rows.map(({ head }) => head).join('')}
const struct page_file page_files[] = {
${rows.map(({ row }) => row).join('')}    {0},
};
`);

// What main imports at once, whatever imports that, and the rest of the page.
const needed = new Set();
const need = (file) => {
  if (needed.has(file)) return;
  needed.add(file);
  for (const { path: next, kind } of metafile.outputs[file].imports) if (kind === 'import-statement') need(next);
};
need(main);
const first = [...[...needed].map(url), words.STYLE, words.EARLY, words.ICON, 'index.html'].reduce((sum, file) => sum + packed[`/${file}`], 0);
console.log(`page: ${rows.length} files, first load ${(first / 1024).toFixed(1)} KiB with gzip`);
if (first > FIRST_LOAD_BYTES) throw new Error(`the first load is more than ${FIRST_LOAD_BYTES} bytes`);
