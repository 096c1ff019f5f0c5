// SPDX-License-Identifier: MIT
// A signalling server as one writes it with socket.io: rooms, who is in them, and chat, in the
// messages of ours (docs/socketio.md) as far as bench/room_ws.c asks for them.
//
//   socketio.cjs PORT
"use strict";
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { cors: { origin: "*" } });
const rooms = new Map(); // code -> Map of participants by id
const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ";
const RECONNECT_GRACE_MS = 60000;

function newCode() {
  const code = Array.from({ length: 6 },
    () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join("");
  return rooms.has(code) ? newCode() : code;
}

function modeOf(room) {
  const people = [...room.values()];
  return people.length > 1 && people.every((one) => one.native) ? "native" : "web-compatible";
}

const told = ({ id, name, role }) => ({ id, name, role });

io.on("connection", (socket) => {
  let code = null, me = null;

  function enter(room, roomCode, role, event, asked, ack) {
    code = roomCode;
    me = { id: asked.participantId, name: asked.name, role,
           native: asked.capabilities?.nativePlayback === true };
    room.set(me.id, me);
    socket.join(code);
    const reply = { success: true, room: { code, role, tunnel: "" }, mode: modeOf(room),
                    reconnectGraceMs: RECONNECT_GRACE_MS };
    ack?.(reply);
    socket.emit(event, reply);
    socket.emit("participant-list", { participants: [...room.values()].map(told) });
    socket.emit("room-mode", { mode: modeOf(room) });
    socket.to(code).emit("participant-joined", told(me));
    socket.to(code).emit("room-mode", { mode: modeOf(room) });
  }

  socket.on("create-room", (asked, ack) => {
    const room = new Map(), made = newCode();
    rooms.set(made, room);
    enter(room, made, "host", "room-created", asked, ack);
  });

  socket.on("join-room", (asked, ack) => {
    const room = rooms.get(asked.code);
    if (room === undefined)
      ack?.({ success: false, error: "room not found" });
    else
      enter(room, asked.code, "viewer", "room-joined", asked, ack);
  });

  socket.on("chat-message", (said) => {
    const text = String(said?.text ?? "").trim();
    if (me === null || text === "")
      return;
    const now = Date.now();
    io.to(code).emit("chat-message", { id: `${socket.id}-${now}`, text, senderId: me.id,
      sender: me.name, senderRole: me.role, timestamp: now });
  });

  socket.on("disconnect", () => {
    const room = rooms.get(code);
    if (room === undefined)
      return;
    room.delete(me.id);
    if (room.size === 0)
      rooms.delete(code);
    else
      io.to(code).emit("participant-left", { id: me.id });
  });
});

http.listen(Number(process.argv[2]), "127.0.0.1");
