package transcode

// scratch is memory for unusual messages: those with more than 64 fields, with extensions or with large maps. It is kept for
// the next message.
type scratch struct {
	tables     []*keyTable
	words      []uint64 // the marks of all open messages that have more than 64 fields
	extensions []extensionMark
}

// extensionMark says that an extension was seen. start is where the members of its message begin in the output.
type extensionMark struct {
	start int
	desc  *field
}

func (w *walk) borrowed() *scratch {
	if w.scratch == nil {
		w.scratch = w.t.pool.Get().(*scratch)
	}
	return w.scratch
}

// giveBack ends the use of scratch memory.
func (w *walk) giveBack() {
	if s := w.scratch; s != nil {
		s.words, s.extensions = s.words[:0], s.extensions[:0]
		w.t.pool.Put(s)
		w.scratch = nil
	}
}

func (w *walk) takeTable() *keyTable {
	s := w.borrowed()
	if n := len(s.tables); n > 0 {
		t := s.tables[n-1]
		s.tables = s.tables[:n-1]
		t.reset()
		return t
	}
	return newKeyTable(w.t.secrets)
}

// takeMarks returns an empty bit set for so many slots.
func (w *walk) takeMarks(slots int) []uint64 {
	s := w.borrowed()
	from := len(s.words)
	for range (slots + 63) / 64 {
		s.words = append(s.words, 0)
	}
	return s.words[from:]
}

// returnMarks gives back the newest bit set.
func (w *walk) returnMarks() {
	s := w.scratch
	s.words = s.words[:len(s.words)-len(w.marks)]
}

// marked notes that an extension was seen, or a field beyond the first 64. It reports whether it was seen before. start is
// where the members of its message begin in the output.
func (w *walk) marked(f *field, start int) bool {
	if !f.extension {
		word, bit := f.slot/64, uint64(1)<<(f.slot%64)
		was := w.marks[word]&bit != 0
		w.marks[word] |= bit
		return was
	}
	s := w.borrowed()
	// Messages that began later are complete by now.
	for len(s.extensions) > 0 && s.extensions[len(s.extensions)-1].start > start {
		s.extensions = s.extensions[:len(s.extensions)-1]
	}
	for i := len(s.extensions) - 1; i >= 0 && s.extensions[i].start == start; i-- {
		if s.extensions[i].desc.desc.Number() == f.desc.Number() {
			return true
		}
	}
	s.extensions = append(s.extensions, extensionMark{start, f})
	return false
}
