package transcode

import "slices"

// unknowns are the types of google.protobuf.Any values that a message has and no schema. They are told once the message is done.
type unknowns []string

// maxUnknowns bounds how many different ones of one message are told.
const maxUnknowns = 16

func (u *unknowns) add(url []byte) {
	url = url[:min(len(url), maxTypeURL)]
	if len(*u) < maxUnknowns && !slices.Contains(*u, string(url)) {
		*u = append(*u, string(url))
	}
}

// tell says which types were unknown, now that the message is done.
func (w *walk) tell() {
	for _, url := range w.unknowns {
		w.t.plans.opts.TypeUnknown(url)
	}
}
