package transcode

// Version counts the changes of the bytes that a message becomes. Processes with different versions must not mix their output in one
// stream, as replicas of two releases would.
const Version = 1
