// SPDX-License-Identifier: MIT
//
// ends: connections that do as they are told, as bench/rtc_peer.c has it, over whatever `connect` makes of a connection. Also a page
// loads it, so it is no module.
'use strict';
const MESSAGE = new Uint8Array(64 << 10), LOW = 1 << 20, HIGH = 4 << 20; // bytes
const LOOK_MS = 5; // where nobody says that the buffer is low: @roamhq/wrtc does not

// connect({ low, onOpen, onMessage(bytes), onLow }) gives { offer(), answer(sdp), accept(sdp), send(message), buffered() }; the first two give an
// SDP with all candidates.
globalThis.Ends = class {
  constructor(connect, say) {
    Object.assign(this, { connect, say, ends: new Map() });
  }

  async obey({ do: what, id, sdp, bytes }) {
    const end = this.ends.get(id) ?? this.make(id);
    if (what === 'offer') this.say({ is: 'offer', id, sdp: await end.connection.offer() });
    else if (what === 'answer') this.say({ is: 'answer', id, sdp: await end.connection.answer(sdp) });
    else if (what === 'accept') await end.connection.accept(sdp);
    else if (what === 'send') {
      end.isSending = true;
      end.push();
    } else if (what === 'receive') Object.assign(end, { wanted: bytes, received: 0, begun: performance.now() });
    else if (what === 'count') end.tell();
    else throw new Error(`nobody knows how to ${what}`);
  }

  make(id) {
    const end = { received: 0, wanted: Infinity };
    end.tell = () => {
      end.wanted = Infinity;
      this.say({ is: 'received', id, bytes: end.received, s: (performance.now() - end.begun) / 1000 });
    };
    end.push = () => {
      while (end.isSending && end.connection.buffered() < HIGH) end.connection.send(MESSAGE);
    };
    end.connection = this.connect({
      onOpen: () => this.say({ is: 'open', id }),
      onMessage: (count) => {
        end.received += count;
        if (end.received >= end.wanted) end.tell();
      },
      low: LOW,
      onLow: end.push,
    });
    this.ends.set(id, end);
    return end;
  }
};

// A connection as browsers have it.
globalThis.connectStandard = ({ low, onOpen, onMessage, onLow }) => {
  const pc = new RTCPeerConnection({ iceServers: [] });
  let channel;
  const use = (one) => {
    channel = one;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = low;
    channel.onopen = onOpen;
    channel.onmessage = ({ data }) => onMessage(data.byteLength);
    if ('onbufferedamountlow' in channel) channel.onbufferedamountlow = onLow;
    else setInterval(() => channel.bufferedAmount <= low && onLow(), LOOK_MS);
  };
  const described = (description) => new Promise((resolve, reject) => {
    const look = () => pc.iceGatheringState === 'complete' && resolve(pc.localDescription.sdp);
    pc.onicegatheringstatechange = look;
    description.then((one) => pc.setLocalDescription(one)).then(look, reject);
  });
  pc.ondatachannel = (event) => use(event.channel);
  return {
    offer: () => {
      use(pc.createDataChannel('bench'));
      return described(pc.createOffer());
    },
    answer: (sdp) => described(pc.setRemoteDescription({ type: 'offer', sdp }).then(() => pc.createAnswer())),
    accept: (sdp) => pc.setRemoteDescription({ type: 'answer', sdp }),
    send: (message) => channel.send(message),
    buffered: () => channel.bufferedAmount,
  };
};
