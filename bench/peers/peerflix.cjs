// peerflix as a streaming server: magnet links come in on stdin, one per line; for each the URL of
// its file goes out on stdout as soon as it listens. This is what the program `peerflix` does
// itself, without the modules that paint its screen.
//
//   node peerflix.cjs FOLDER
const { createInterface } = require('node:readline')
const { join } = require('node:path')
const peerflix = require('peerflix')

const folder = process.argv[2]
let count = 0

createInterface({ input: process.stdin }).on('line', magnet => {
  const engine = peerflix(magnet, {
    connections: 100,
    dht: false,
    hostname: '127.0.0.1',
    path: join(folder, String(count++)),
    tmp: folder // else it finds the metadata of the round before, with trackers that have gone
  })
  engine.server.on('listening', () => {
    console.log(`http://127.0.0.1:${engine.server.address().port}/`)
  })
})
