package transcode

import "slices"

// unknowns holds the types of a message's google.protobuf.Any values that the resolver does not know. They are told once the
// message is done.
type unknowns []string

// maxUnknowns bounds how many unknown types of one message are told.
const maxUnknowns = 16

func (u *unknowns) add(url []byte) {
	url = url[:min(len(url), maxTypeURL)]
	if len(*u) < maxUnknowns && !slices.Contains(*u, string(url)) {
		*u = append(*u, string(url))
	}
}

// tell calls TypeUnknown for each unknown type. The message is done.
func (w *walk) tell() {
	for _, url := range w.unknowns {
		w.t.plans.opts.TypeUnknown(url)
	}
}
