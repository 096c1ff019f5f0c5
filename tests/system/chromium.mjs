// SPDX-License-Identifier: MIT
//
// chromium: Debian's, as a test has it. Everything stays on this machine, films play without a click, and what it keeps lies in the
// yard. Ended with the test. WebRTC is as people have it (addresses hidden behind mDNS names, none of loopback), unless `isOpen`: then
// pages tell each other addresses as they are. It may be at the end of a line (netns.mjs), and see the one at its other end. `more`: switches of its own.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

// Of this machine, by which others reach it, as rtc-svc finds it when it is not told.
export const ownAddress = () => Object.values(os.networkInterfaces()).flat().find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';

const program = process.env.CHROMIUM ?? '/usr/bin/chromium';

// It is told which program to start, not with what in front of it.
function programWithin(yard, end) {
  const file = path.join(yard.dir, `chromium-${end.address}`), [command, args] = end.command(program, []);
  fs.writeFileSync(file, `#!/bin/sh\nexec ${command} ${args.join(' ')} "$@"\n`, { mode: 0o755 });
  return file;
}

export async function startChromium(t, yard, { isOpen = true, end, sees, more = [] } = {}) {
  const browser = await chromium.launch({
    executablePath: end ? programWithin(yard, end) : program,
    headless: true,
    env: { ...process.env, HOME: yard.dir, XDG_CONFIG_HOME: path.join(yard.dir, 'config'), XDG_CACHE_HOME: path.join(yard.dir, 'cache') },
    args: ['--no-sandbox', '--disable-dev-shm-usage',
      ...(isOpen ? ['--disable-features=WebRtcHideLocalIpsWithMdns', '--allow-loopback-in-peer-connection'] : []),
      '--disable-background-networking', '--autoplay-policy=no-user-gesture-required', `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE ${sees ?? ownAddress()}`, ...more],
  });
  t.after(() => browser.close());
  return browser;
}
