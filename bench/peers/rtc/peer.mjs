// SPDX-License-Identifier: MIT
//
// What bench/rtc_peer.c does, with the libraries of others.
//
//   peer.mjs node-datachannel|wrtc|chromium [ADDRESS]
import readline from 'node:readline';
import './ends.js';

const [kind, address] = process.argv.slice(2);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

// One like connectStandard(), of libdatachannel.
function connectNodeDatachannel({ PeerConnection }, { low, onOpen, onMessage, onLow }) {
  const pc = new PeerConnection('bench', { iceServers: [], bindAddress: address, portRangeBegin: 20000, portRangeEnd: 39999 });
  let channel;
  const use = (one) => {
    channel = one;
    channel.setBufferedAmountLowThreshold(low);
    channel.onMessage((data) => onMessage(data.length));
    channel.onBufferedAmountLow(onLow);
    channel.onOpen(onOpen);
  };
  const described = () => new Promise((resolve) => {
    pc.onGatheringStateChange((state) => state === 'complete' && resolve(pc.localDescription().sdp));
  });
  pc.onDataChannel(use);
  return {
    offer: () => {
      const sdp = described();
      use(pc.createDataChannel('bench'));
      return sdp;
    },
    answer: (sdp) => {
      const mine = described();
      pc.setRemoteDescription(sdp, 'offer');
      return mine;
    },
    accept: (sdp) => pc.setRemoteDescription(sdp, 'answer'),
    send: (message) => channel.sendMessageBinary(message),
    buffered: () => channel.bufferedAmount(),
  };
}

// All of it happens in a page.
async function openPage() {
  const { startChromium } = await import('../../../tests/system/chromium.mjs');
  const browser = await startChromium({ after: (end) => atEnd.push(end) }, { dir: process.cwd() });
  const page = await browser.newPage();
  page.on('pageerror', fail);
  await page.goto('data:text/html,<title>peer</title>');
  await page.exposeFunction('say', say);
  await page.addScriptTag({ path: new URL('ends.js', import.meta.url).pathname });
  await page.evaluate(() => {
    globalThis.ends = new globalThis.Ends(globalThis.connectStandard, globalThis.say);
  });
  return { obey: (order) => page.evaluate((what) => globalThis.ends.obey(what), order) };
}

async function makeEnds() {
  if (kind === 'chromium') return openPage();
  if (kind === 'wrtc') {
    const { default: wrtc } = await import('@roamhq/wrtc');
    globalThis.RTCPeerConnection = wrtc.RTCPeerConnection;
    return new globalThis.Ends(globalThis.connectStandard, say);
  }
  const { default: library } = await import('node-datachannel');
  return new globalThis.Ends((on) => connectNodeDatachannel(library, on), say);
}

const atEnd = [];
function fail(error) {
  console.error(error);
  process.exitCode = 1;
  end();
}
async function end() {
  for (const one of atEnd) await one();
  process.exit();
}

const ends = await makeEnds();
say({ is: 'ready' });
readline.createInterface({ input: process.stdin })
  .on('line', (line) => ends.obey(JSON.parse(line)).catch(fail))
  .on('close', end);
process.on('SIGTERM', end);
