package front

import "math"

// Room is how many connections a listener may have.
type Room struct {
	// Descriptors is how many file descriptors the process may have, 0 where this is unknown.
	Descriptors int
	// Connections is how many connections are served at once.
	Connections int
	// Lobby is how many more connections may be open for as long as their requests are turned away.
	Lobby int
}

// ownDescriptors is what the process needs beside connections: its log, listeners, the loops of parked connections, files that
// are read, and the second descriptor that a connection has while it is being parked.
const ownDescriptors = 32

// The lobby is a small part of the descriptors. These bound it.
const (
	leastLobby = 4
	mostLobby  = 512
)

// RoomFor returns the room of a listener. configured is server.limits.connections, 0 for as many as the descriptors allow.
// upstreams is how many connections to gRPC servers there may be. They have a reserve, so that they can be opened again while
// the listener is full; it is at most a quarter of all descriptors.
func RoomFor(descriptors, configured, upstreams int) Room {
	room := Room{Descriptors: descriptors, Connections: configured, Lobby: mostLobby}
	if descriptors > 0 {
		room.Lobby = min(max(descriptors/32, leastLobby), mostLobby)
		reserve := min(ownDescriptors+upstreams, descriptors/4)
		allowed := max(descriptors-reserve-room.Lobby, 1)
		if configured == 0 || configured > allowed {
			room.Connections = allowed
		}
	} else if configured == 0 {
		room.Connections = math.MaxInt
	}
	return room
}
