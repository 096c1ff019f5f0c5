// SPDX-License-Identifier: MIT
//
// chromium: Debian's, as a test has it. Everything stays on loopback, addresses are told as they are to other pages, films play
// without a click, and what it keeps lies in the yard. Ended with the test.
import path from 'node:path';
import { chromium } from 'playwright-core';

export async function startChromium(t, yard) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    env: { ...process.env, HOME: yard.dir, XDG_CONFIG_HOME: path.join(yard.dir, 'config'), XDG_CACHE_HOME: path.join(yard.dir, 'cache') },
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-features=WebRtcHideLocalIpsWithMdns', '--allow-loopback-in-peer-connection',
      '--disable-background-networking', '--autoplay-policy=no-user-gesture-required', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
  t.after(() => browser.close());
  return browser;
}
