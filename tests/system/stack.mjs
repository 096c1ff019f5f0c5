// SPDX-License-Identifier: MIT
//
// stack: the containers of docker-compose.yml, in the project of COMPOSE_PROJECT_NAME, as tools/check-compose has brought them up; and people and
// films that are outside of them.
import assert from 'node:assert/strict';
import path from 'node:path';
import { film, magnet, makeTorrent, run, seedWithAria2, sha256, until } from './house.mjs';

const project = process.env.COMPOSE_PROJECT_NAME;

export async function must(program, args, ms) {
  const { code, out, err } = await run(program, args, { ms });
  assert.equal(code, 0, `${program} ${args.join(' ')}: ${err}${out}`);
  return out;
}

export const compose = (...args) => must('docker-compose', args, 180000);
const label = (name, value) => ['--filter', `label=com.docker.compose.${name}=${value}`];
// Compose numbers the containers of a service from 1.
export const container = async (service, number = 1) => (await must('docker', ['ps', '-aq', ...label('project', project), ...label('service', service), ...label('container-number', number)])).trim();
export const inspect = async (service, number) => JSON.parse(await must('docker', ['inspect', await container(service, number)]))[0];
export const networkOf = ({ NetworkSettings }) => NetworkSettings.Networks[`${project}_default`];
export const within = async (service, number, ...args) => must('docker', ['exec', await container(service, number), ...args]);
export const cli = (...args) => within('http-svc', 1, 'sharestream', ...args);

// As the kernel does when memory is short.
export async function kill(service, number = 1) {
  const before = (await inspect(service, number)).State;
  process.kill(before.Pid, 'SIGKILL');
  await until(async () => {
    const { State } = await inspect(service, number);
    return State.Running && State.StartedAt !== before.StartedAt;
  }, `${service} ${number} to be started again`);
}

// One address by which people come: for members of rooms (page_client.mjs) as a stack of service tests.
export class Door {
  static async of(service, number = 1) {
    const door = new Door(), { HostIp, HostPort } = (await inspect(service, number)).NetworkSettings.Ports['8080/tcp'][0];
    door.host = `${HostIp.replace('0.0.0.0', '127.0.0.1')}:${HostPort}`;
    door.origin = `http://${door.host}`;
    door.token = (await within('http-svc', 1, 'cat', '/secrets/admin-token')).trim();
    return door;
  }

  url(target) {
    return this.origin + target;
  }

  get(target, headers = {}) {
    return fetch(this.url(target), { headers: { Authorization: `Bearer ${this.token}`, ...headers } });
  }

  async add(source) {
    const answer = await fetch(`${this.origin}/api/v1/torrents`, { method: 'POST', body: JSON.stringify({ source }),
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json' } });
    assert.ok(answer.ok, `${answer.status} ${await answer.clone().text()}`);
    return answer.json();
  }

  isReady() {
    return this.get('/health/ready').then((answer) => answer.status === 200, () => false);
  }

  // To the byte.
  async plays({ hash, movie }) {
    const answer = await this.get(`/stream/${hash}/0`);
    assert.equal(answer.status, 200, `${this.origin} ${hash}`);
    assert.equal(sha256(Buffer.from(await answer.arrayBuffer())), movie.sha256, `${this.origin} ${hash}`);
  }

  async playsByHls(yard, { hash, seconds }) {
    const file = path.join(yard.dir, `${this.host.replace(':', '-')}-${hash}.mkv`);
    await must('ffmpeg', ['-y', '-v', 'error', '-xerror', '-headers', `Authorization: Bearer ${this.token}\r\n`, '-i', `${this.origin}/hls/${hash}/0/master.m3u8`, '-c', 'copy', file]);
    const { format, streams } = JSON.parse(await must('ffprobe', ['-v', 'error', '-print_format', 'json', '-show_streams', '-show_format', file]));
    assert.deepEqual(streams.map((stream) => stream.codec_name).sort(), ['aac', 'h264']);
    assert.ok(Math.abs(Number(format.duration) - seconds) < 1, format.duration);
  }
}

// A film of a seeder on this machine: films of several names are several torrents.
export async function seedFilm(yard, name = 'film.mp4', seconds = 60) {
  const movie = await film(yard, { name, seconds }), { torrent, hash } = await makeTorrent(yard, movie.file, `${name}.torrent`);
  const seeder = await seedWithAria2(yard, torrent, yard.dir);
  return { name, movie, hash, seconds, seeder, link: await reachable(magnet(hash, seeder.port)) };
}

// Containers know this machine by another address than it does.
export const reachable = async (link) => link.replaceAll('127.0.0.1', networkOf(await inspect('torrent-svc')).Gateway);
