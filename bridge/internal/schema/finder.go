package schema

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// What an upstream can make a finder ask, by naming types.
const (
	// findTimeout bounds how long one look-up takes, waiting for others included.
	findTimeout = 2 * time.Second
	// findPause is how long nothing is asked after the server gave no answer in time: the streams that need a type must not wait
	// for it with every message.
	findPause = 10 * time.Second
	// findMost is how many names are asked for until the schema is read anew. All others are unknown until then.
	findMost = 1024
	// What all answers together may bring.
	findFiles, findBytes, findElements = 2000, 16 << 20, 250_000
)

// finder asks a server for types that its schema has not, when they are first met. Each name is asked for once, however many
// streams meet it, and yes and no are remembered. One question is asked at a time. A nil finder finds nothing.
type finder struct {
	lifetime context.Context // of all questions
	turn     chan struct{}   // taken by the look-up that uses the reader
	reader   *reader

	mu    sync.Mutex
	known map[string]*finding
	asked int       // since the schema was read
	pause time.Time // nothing is asked before
	full  bool      // the server has brought more than it may
	// renewed says that the reader has yet to forget what the server did not have.
	renewed bool
}

// finding is what is known of a name. Its fields are set when done is closed.
type finding struct {
	done  chan struct{}
	found protoreflect.Descriptor // nil for a name that the server does not know
	again func(*finder) protoreflect.Descriptor
}

// newFinder goes on with a reader, once the schema is read. The lifetime ends all questions.
func newFinder(lifetime context.Context, r *reader) *finder {
	r.ask.budget.extend(findFiles, findBytes, findElements)
	r.pool.steps = 0
	return &finder{lifetime: lifetime, reader: r, turn: make(chan struct{}, 1), known: map[string]*finding{}}
}

// renew forgets what the server did not know, and allows for as many questions as at first.
func (f *finder) renew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, finding := range f.known {
		select {
		case <-finding.done:
			if finding.found == nil {
				delete(f.known, name)
			}
		default: // being asked for
		}
	}
	f.asked, f.pause, f.renewed = len(f.known), time.Time{}, true
}

// byName finds a message or an extension, nil where there is none.
func (f *finder) byName(name protoreflect.FullName) protoreflect.Descriptor {
	if f == nil || len(name) > maxName || !name.IsValid() {
		return nil
	}
	return f.find(lookup{
		key: "symbol " + string(name), question: bySymbol(f.reader.ask.nameOf(string(name))),
		in:    func(fd protoreflect.FileDescriptor) protoreflect.Descriptor { return symbolIn(fd, name) },
		again: func(f *finder) protoreflect.Descriptor { return f.byName(name) },
	})
}

// extension finds an extension of a message by its number, nil where there is none.
func (f *finder) extension(message protoreflect.FullName, number protoreflect.FieldNumber) protoreflect.ExtensionDescriptor {
	if f == nil || len(message) > maxName || !message.IsValid() {
		return nil
	}
	found := f.find(lookup{
		key: fmt.Sprintf("extension %s %d", message, number), question: byExtension(string(message), int32(number)),
		in: func(fd protoreflect.FileDescriptor) protoreflect.Descriptor {
			if x := extensionIn(fd, message, number); x != nil {
				return x
			}
			return nil
		},
		again: func(f *finder) protoreflect.Descriptor { return f.extension(message, number) },
	})
	d, _ := found.(protoreflect.ExtensionDescriptor)
	return d
}

// lookup is one question, and what is to be found in the files that answer it.
type lookup struct {
	key      string
	question *reflectionv1.ServerReflectionRequest
	in       func(protoreflect.FileDescriptor) protoreflect.Descriptor // nil where the file does not have it
	again    func(*finder) protoreflect.Descriptor                     // the same look-up by another finder
}

// find answers from what is known, or asks. A caller that comes while its name is asked for waits for that answer.
func (f *finder) find(l lookup) protoreflect.Descriptor {
	f.mu.Lock()
	known, ok := f.known[l.key]
	if ok {
		f.mu.Unlock()
		<-known.done // within findTimeout
		return known.found
	}
	if f.full || f.asked >= findMost || time.Now().Before(f.pause) {
		f.mu.Unlock()
		return nil
	}
	f.asked++
	known = &finding{done: make(chan struct{}), again: l.again}
	f.known[l.key] = known
	f.mu.Unlock()

	err := errNoAnswer
	defer func() { // after a panic too: others wait
		f.mu.Lock()
		defer f.mu.Unlock()
		if err != nil { // not an answer to keep
			delete(f.known, l.key)
		}
		close(known.done)
	}()
	known.found, err = f.ask(l)
	return known.found
}

// errNoAnswer says that other look-ups took all the time.
var errNoAnswer = errors.New("no answer")

// ask asks the server. An error means that it is not known what the answer is.
func (f *finder) ask(l lookup) (protoreflect.Descriptor, error) {
	ctx, cancel := context.WithTimeout(f.lifetime, findTimeout)
	defer cancel()
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return nil, errNoAnswer
	}
	f.mu.Lock()
	if f.renewed {
		f.renewed = false
		f.reader.forget()
	}
	f.mu.Unlock()
	found, err := f.read(ctx, l)
	f.reader.ask.leave()
	limit := (*limitError)(nil)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		return found, nil
	case errors.As(err, &limit):
		f.full = true
	case ctx.Err() != nil, bars(err):
		f.pause = time.Now().Add(findPause)
	default:
		return nil, nil // the server's own answer: it does not know the type, or cannot show it
	}
	return nil, err
}

// read asks the question, and for the imports of what comes.
func (f *finder) read(ctx context.Context, l lookup) (protoreflect.Descriptor, error) {
	c := f.reader.newClosure()
	files, err := c.ask(ctx, l.key, l.question)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		c.add(file, 0)
		if err := c.gather(ctx); err != nil {
			return nil, err
		}
		fd, err := c.linker().link(file)
		if err != nil {
			if limit := (*limitError)(nil); errors.As(err, &limit) {
				return nil, err
			}
			continue
		}
		if found := l.in(fd); found != nil {
			return found, nil
		}
	}
	return nil, nil
}

// symbolIn finds a message, an enum or an extension in a file, nil where there is none.
func symbolIn(file protoreflect.FileDescriptor, name protoreflect.FullName) protoreflect.Descriptor {
	if d := typeIn(file, name); d != nil {
		return d
	}
	var extensions protoreflect.ExtensionDescriptors
	if file.Package() == name.Parent() {
		extensions = file.Extensions()
	} else if message, ok := typeIn(file, name.Parent()).(protoreflect.MessageDescriptor); ok {
		extensions = message.Extensions()
	}
	if extensions != nil {
		if d := extensions.ByName(name.Name()); d != nil {
			return d
		}
	}
	return nil
}

// extensionIn finds an extension by its number, anywhere in a file, nil where there is none.
func extensionIn(scope interface {
	Extensions() protoreflect.ExtensionDescriptors
	Messages() protoreflect.MessageDescriptors
}, message protoreflect.FullName, number protoreflect.FieldNumber,
) protoreflect.ExtensionDescriptor {
	for i := range scope.Extensions().Len() {
		if x := scope.Extensions().Get(i); x.Number() == number && x.ContainingMessage().FullName() == message {
			return x
		}
	}
	for i := range scope.Messages().Len() {
		if x := extensionIn(scope.Messages().Get(i), message, number); x != nil {
			return x
		}
	}
	return nil
}
