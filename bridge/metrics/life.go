package metrics

import "sync"

// life knows the names whose series there are, and for which of them something is still open. The zero life is ready for use. It
// is safe for concurrent use.
type life struct {
	mu    sync.Mutex
	names map[string]*named
}

// named is what is known of a name.
type named struct {
	open    int  // streams and catch-ups
	missing bool // the name was missing at the last scrape
}

// see notes that a name has series.
func (l *life) see(name string) { l.add(name, 0) }

// enter notes that something of the name is open.
func (l *life) enter(name string) { l.add(name, 1) }

// leave notes that it is over.
func (l *life) leave(name string) { l.add(name, -1) }

func (l *life) add(name string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.names[name]
	if of == nil {
		if l.names == nil {
			l.names = map[string]*named{}
		}
		of = &named{}
		l.names[name] = of
	}
	of.open += n
}

// gone forgets and returns the names whose series are to be deleted: those of which nothing is open, and that are not among the
// present ones for the second time. So the last numbers of a name can be scraped once.
func (l *life) gone(present map[string]bool) (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, of := range l.names {
		switch {
		case present[name], of.open > 0:
			of.missing = false
		case !of.missing:
			of.missing = true
		default:
			delete(l.names, name)
			names = append(names, name)
		}
	}
	return names
}
