// Clients in Node speak to trackers without it; real WebRTC is tested in browsers.
export const RTCPeerConnection = undefined
export const RTCSessionDescription = undefined
export const RTCIceCandidate = undefined
export default {}
