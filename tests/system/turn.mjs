// SPDX-License-Identifier: MIT
//
// turn: Debian's coturn, with one user. {server: for RTCPeerConnection, process, port}
import assert from 'node:assert/strict';
import path from 'node:path';
import { ownAddress } from './chromium.mjs';
import { freePort, run, until } from './house.mjs';

export async function startTurn(yard, port) {
  const address = ownAddress();
  port ??= await freePort();
  const process = yard.start('turnserver', ['-n', '--listening-ip', address, '--relay-ip', address, '--listening-port', String(port), '--allow-loopback-peers',
    '--lt-cred-mech', '--user', 'bob:pass', '--realm', 'example.org', '--no-tls', '--no-dtls', '--no-cli', '--log-file', 'stdout',
    '--pidfile', path.join(yard.dir, `turn-${port}.pid`), '--userdb', path.join(yard.dir, `turn-${port}.db`)]);
  await until(async () => {
    assert.equal(process.exitCode, null, process.said);
    // It waits for ever when it asked too early.
    return (await run('turnutils_stunclient', ['-p', String(port), address], { ms: 1000 })).code === 0;
  }, 'coturn to answer');
  return { server: { urls: `turn:${address}:${port}`, username: 'bob', credential: 'pass' }, process, port };
}
