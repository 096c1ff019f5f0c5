// SPDX-License-Identifier: MIT
//
// udp: what test_link.mjs runs inside its namespaces.
//
//     udp.mjs answer                listens; to "?" it answers how many others came, and a digest of which
//     udp.mjs ask HOST COUNT SIZE   sends COUNT numbered datagrams, then "?" until there is an answer; prints it with the
//                                   milliseconds from the first datagram to the answer
//
// The line keeps the order: when "?" has come, so has all before it that was to come.
import crypto from 'node:crypto';
import dgram from 'node:dgram';

const PORT = 7007;
const [what, host, count, size] = process.argv.slice(2);
const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });

if (what === 'answer') {
  const digest = crypto.createHash('sha1');
  let came = 0;
  socket.on('message', (data, from) => {
    if (data.toString() === '?') {
      socket.send(JSON.stringify({ came, digest: digest.copy().digest('hex') }), from.port, from.address);
      return;
    }
    came++;
    digest.update(data.subarray(0, 4));
  });
  socket.bind(PORT, () => console.log('listening'));
} else {
  const start = process.hrtime.bigint();
  socket.on('message', (data) => {
    console.log(JSON.stringify({ ...JSON.parse(data), ms: Number(process.hrtime.bigint() - start) / 1e6 }));
    process.exit();
  });
  for (let i = 0; i < count; i++) {
    const data = Buffer.alloc(Number(size));
    data.writeUInt32BE(i);
    socket.send(data, PORT, host);
  }
  const ask = () => socket.send('?', PORT, host);
  ask();
  setInterval(ask, 200);
}
