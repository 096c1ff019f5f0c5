// SPDX-License-Identifier: MIT
//
// What Prometheus and Grafana are given: metrics of all services at one place and of each alone, rules, dashboard; and traces by HTTP.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, until } from './house.mjs';

const root = new URL('../../', import.meta.url).pathname;
const read = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const documented = new Set([...read('docs/metrics.md').matchAll(/^\| `(sharestream_\w+)`/gm)].map(([, name]) => name)).add('sharestream_up');
// Debian's.
const promtool = (args, input) => spawnSync('promtool', args, { input, encoding: 'utf8' });

test('metrics of all at one place and of each alone, as Prometheus likes them', async (t) => {
  const house = await House.start(t, new Yard(t), { env: { SHARESTREAM_COMMON_LOG_FORMAT: 'json' } });
  const services = ['tracker', 'torrent', 'transcode', 'room', 'rtc', 'http', 'supervisor'];
  const all = await until(async () => {
    const text = (await house.get('/metrics')).body.toString();
    return services.every((name) => text.includes(`sharestream_up{service="${name}"} 1`)) && text;
  }, 'all to answer');
  const { stdout, stderr, status } = promtool(['check', 'metrics'], all);
  // What is in milliseconds since it was made may stay so.
  const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line && !line.startsWith('sharestream_rtc_rtt_sum_ms '));
  assert.deepEqual(complaints, []);
  assert.ok([0, 3].includes(status), String(status)); // 3: it is only about names
  const names = (text) => new Set([...text.matchAll(/^(sharestream_\w+)/gm)].map(([name]) => name));
  assert.deepEqual([...names(all)].filter((name) => !documented.has(name)), [], 'each of them is documented');
  for (const name of services) {
    const { out } = await house.cli('metrics', name);
    const alone = names(out.replace(/^# .*$/gm, ''));
    assert.ok(alone.size > 0 && [...alone].every((metric) => documented.has(metric)), name);
  }

  // A request in somebody's trace: the same id comes back, and stands in the log of every service that it crossed, which is JSON here.
  for (const name of ['http', 'torrent']) await house.cli('logs', 'level', name, 'debug');
  const id = '4bf92f3577b34da6a3ce929d0e0e4736', hash = 'c'.repeat(40);
  const answer = await house.get(`/api/v1/torrents/${hash}`, { traceparent: `00-${id}-00f067aa0ba902b7-01` });
  assert.equal(answer.status, 404);
  assert.match(answer.headers.traceresponse, new RegExp(`^00-${id}-[0-9a-f]{16}-01$`));
  await fetch(house.url('/api/v1/torrents'), { method: 'POST', body: JSON.stringify({ source: `magnet:?xt=urn:btih:${hash}` }),
    headers: { 'content-type': 'application/json', traceparent: `00-${id}-00f067aa0ba902b7-01` } });
  const lines = () => house.daemon.said.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  await until(() => lines().some(({ svc, trace }) => svc === 'torrent.0' && trace === id.slice(16)), 'torrent-svc to log the trace');
  assert.ok(lines().length > 5 && lines().every(({ ts, lvl, svc, msg }) => ts && lvl && svc && msg), 'every line of the log is JSON');
  // Without one, errors have an id of ours, and answers that are fine are not made longer.
  assert.match((await house.get(`/api/v1/torrents/${hash.replaceAll('c', 'd')}`)).headers.traceresponse, /^00-0{16}[0-9a-f]{16}-[0-9a-f]{16}-00$/);
  assert.equal((await house.get('/health/live')).headers.traceresponse, undefined);
  assert.doesNotMatch((await house.get('/health/live', { traceparent: 'ff-nonsense' })).headers.traceresponse ?? '', /./);
});

test('rules and dashboard are sound, and name what there is', (t) => {
  const yard = new Yard(t), rules = path.join(root, 'deploy/prometheus/sharestream-alerts.yml');
  const fine = ({ status, stdout, stderr }) => assert.equal(status, 0, stdout + stderr);
  fine(promtool(['check', 'rules', rules]));
  // The configuration names a file that is not here, and the rules beside it.
  const token = path.join(yard.dir, 'token'), config = path.join(yard.dir, 'prometheus.yml');
  fs.writeFileSync(token, 'token');
  fs.copyFileSync(rules, path.join(yard.dir, 'sharestream-alerts.yml'));
  fs.writeFileSync(config, read('deploy/prometheus/prometheus.yml').replace(/credentials_file: .*/, `credentials_file: ${token}`));
  fine(promtool(['check', 'config', config]));
  const tests = path.join(yard.dir, 'tests.yml');
  fs.writeFileSync(tests, read('tests/system/alerts.yml').replace('RULES', rules));
  fine(promtool(['test', 'rules', tests]));

  const dashboard = JSON.parse(read('deploy/grafana/sharestream.json'));
  const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const named = [...`${read('deploy/prometheus/sharestream-alerts.yml')} ${queries.join(' ')}`.matchAll(/\bsharestream_\w+/g)].map(([name]) => name);
  assert.ok(queries.length > 30 && named.length > 50);
  assert.deepEqual([...new Set(named)].filter((name) => !documented.has(name)), []);
  // Each query is one that Prometheus can read.
  const asRules = path.join(yard.dir, 'queries.yml');
  fs.writeFileSync(asRules, JSON.stringify({ groups: [{ name: 'queries', rules: queries.map((expr, i) => ({ record: `query:${i}`, expr: expr.replaceAll('$instance', '.*') })) }] }));
  fine(promtool(['check', 'rules', asRules]));
});
