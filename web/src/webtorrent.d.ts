// SPDX-License-Identifier: MIT
//
// webtorrent, parse-torrent, bittorrent-protocol and fsa-chunk-store, as far as peer.ts uses them; they bring no types.
declare module 'parse-torrent' {
  export interface Parsed {
    infoHash: string; private?: boolean; announce: string[]; urlList: string[]; pieceLength: number; length: number; pieces: string[];
    files: { path: string; length: number; offset: number }[]; info: { files?: { attr?: Uint8Array }[] };
  }
  export default function parse(metainfo: Uint8Array): Promise<Parsed>;
}
declare module 'bittorrent-protocol' {
  type Reply = (error: Error | null, bytes?: Uint8Array) => void;
  export default class Wire {
    type: string;
    peerId: string; // hex digits
    connId: string;
    handshake(infoHash: string, peerId: string): void;
    have(piece: number): void;
    unchoke(): void;
    setKeepAlive(on: boolean): void;
    once(name: 'handshake', hear: (infoHash: string) => void): this;
    once(name: 'interested' | 'close', hear: () => void): this;
    on(name: 'request', hear: (piece: number, offset: number, length: number, reply: Reply) => void): this;
    on(name: 'download' | 'upload', hear: (bytes: number) => void): this;
  }
}
declare module 'fsa-chunk-store' {
  export default class FSAChunkStore {
    constructor(pieceBytes: number, options: { name: string; length: number });
  }
}
declare module 'webtorrent' {
  import type { Parsed } from 'parse-torrent';
  import type Wire from 'bittorrent-protocol';

  export interface Torrent {
    wires: Wire[];
    bitfield: { get(piece: number): boolean };
    store: { get(piece: number, range: { offset: number; length: number }, done: (error: Error | null, bytes?: Uint8Array) => void): void };
    destroyed: boolean;
    select(from: number, to: number, priority: number): void;
    deselect(from: number, to: number): void;
    addWebSeed(wire: Wire): void;
    on(name: 'wire', hear: (wire: Wire) => void): this;
    on(name: 'verified', hear: (piece: number) => void): this;
    on(name: 'ready', hear: () => void): this;
    on(name: 'error', hear: (error: Error) => void): this;
    on(name: 'warning', hear: (error: unknown) => void): this;
  }
  interface Options { dht: boolean; lsd: boolean; utPex: boolean; natUpnp: boolean; natPmp: boolean; webSeeds: boolean; maxConns: number; tracker: { rtcConfig: RTCConfiguration } }
  interface AddOptions { deselect: boolean; strategy: 'rarest' | 'sequential'; destroyStoreOnDestroy: boolean; bitfield: Uint8Array; storeCacheSlots: number; store?: new (pieceBytes: number, options: { length: number }) => object }
  export default class WebTorrent {
    constructor(options: Options);
    add(torrent: Parsed, options: AddOptions): Torrent;
    on(name: 'error', hear: (error: Error) => void): this;
    destroy(done?: () => void): void;
  }
}
