// Without these webtorrent finds out that there is no WebRTC and goes on with TCP.
export const RTCPeerConnection = undefined
export const RTCSessionDescription = undefined
export const RTCIceCandidate = undefined
export default {}
