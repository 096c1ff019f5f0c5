// SPDX-License-Identifier: MIT
//
// run: node run.mjs OUT: the page's own tests, under Node's test runner. They import the page's sources, which Node 18 cannot read.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const here = new URL('.', import.meta.url).pathname, out = path.resolve(process.argv[2]);
const tests = fs.readdirSync(here).filter((name) => /^test_.*\.mjs$/.test(name));
fs.rmSync(out, { recursive: true, force: true });
await build({ entryPoints: tests.map((name) => path.join(here, name)), bundle: true, format: 'esm', platform: 'node', target: 'node18', outdir: out,
  outExtension: { '.js': '.mjs' }, sourcemap: 'inline', logLevel: 'warning' });
const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...tests.map((name) => path.join(out, name))],
  { stdio: 'inherit', env: { ...process.env, WEB_DIR: path.dirname(path.resolve(here)) } });
process.exit(status ?? 1);
