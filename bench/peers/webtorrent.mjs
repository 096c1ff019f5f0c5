// webtorrent as a streaming server: magnet links come in on stdin, one per line; for each the URL
// of its biggest file goes out on stdout as soon as the metadata is there.
//
//   node webtorrent.mjs FOLDER
import { createInterface } from 'node:readline'
import WebTorrent from 'webtorrent'

const folder = process.argv[2]
const client = new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false, utp: false })
const server = client.createServer({ hostname: '127.0.0.1' })

server.listen(0, '127.0.0.1', () => {
  const port = server.address().port
  createInterface({ input: process.stdin }).on('line', magnet => {
    client.add(magnet, { path: folder }, torrent => {
      const biggest = torrent.files.reduce((a, b) => (b.length > a.length ? b : a))
      console.log(`http://127.0.0.1:${port}${biggest.streamURL}`)
    })
  })
})
client.on('error', error => { console.error(error); process.exit(1) })
