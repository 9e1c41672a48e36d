package replay

import "crypto/sha256"

// Subject identifies what an event is about. A newer event with the same subject supersedes it. The zero Subject is none: no event
// supersedes one without a subject.
type Subject [16]byte

// SubjectOf returns the subject with a name, which may be of any length. The subject is a digest (SHA-256, cut to 16 bytes), so that
// names of any length take the same memory, and an upstream cannot make two names with the same subject. It is the same in every
// process. An empty name is no subject.
func SubjectOf(name []byte) (s Subject) {
	if len(name) > 0 {
		sum := sha256.Sum256(name)
		copy(s[:], sum[:])
	}
	return s
}

// supersede notes that the newest event supersedes the one before with its subject. The lock is held.
func (r *Ring) supersede(d *Draft) {
	if d.Subject == (Subject{}) {
		return
	}
	if r.subjects == nil {
		r.subjects = map[Subject]uint64{}
	}
	if before, held := r.subjects[d.Subject]; held {
		r.window.supersede(before, d.Offset)
	}
	r.subjects[d.Subject] = d.Offset
}

// forgetSubject forgets the subject of an event that leaves the log, unless a newer event has it. The lock is held.
func (r *Ring) forgetSubject(offset uint64) {
	if r.subjects == nil {
		return
	}
	subject := r.window.subject(offset)
	if at, held := r.subjects[subject]; held && at == offset {
		delete(r.subjects, subject)
	}
}

// ReadNewest is [Ring.Entries] for a reader that is shown the events before the offset to, and of these only the newest of each
// subject. The newest event that it is shown is always among them. After a call that appended limit events, the reader goes on
// behind the last of these. Otherwise it has been given all that it is shown.
func (r *Ring) ReadNewest(dst []Entry, from Position, to uint64, limit int) ([]Entry, error) {
	defer r.view(from.Offset).RUnlock()
	if err := r.gone(from); err != nil {
		return dst, err
	}
	for offset := from.Offset; offset < min(to, r.window.next) && limit > 0; offset++ {
		if !r.window.superseded(offset, to) {
			dst = append(dst, r.window.entry(offset))
			limit--
		}
	}
	return dst, nil
}

// CountNewest returns how many events [Ring.ReadNewest] has without a limit. It is 0 where that has an error.
func (r *Ring) CountNewest(from Position, to uint64) (n int) {
	defer r.view(from.Offset).RUnlock()
	if r.gone(from) != nil {
		return 0
	}
	for offset := from.Offset; offset < min(to, r.window.next); offset++ {
		if !r.window.superseded(offset, to) {
			n++
		}
	}
	return n
}
