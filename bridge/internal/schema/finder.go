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

// Bounds of the questions that an upstream can cause by naming types in its messages.
const (
	// findTimeout bounds the duration of one look-up, including the wait for other look-ups.
	findTimeout = 2 * time.Second
	// findPause is how long no question is sent after the server did not answer in time. Otherwise a stream would wait again with
	// every message.
	findPause = 10 * time.Second
	// maxFinds is how many names are looked up until the schema is read again. All other names are unknown until then.
	maxFinds = 1024
	// The limits for all answers together.
	findFiles, findBytes, findElements = 2000, 16 << 20, 250_000
)

// finder asks a server for types that are not in its schema, when a message names such a type. It asks for each name once,
// however many streams need the name, and remembers both success and failure. It sends one question at a time. Its methods may
// be called concurrently. A nil finder finds nothing.
type finder struct {
	lifetime context.Context // its end ends all questions
	turn     chan struct{}   // holds a value while a look-up uses the reader
	reader   *reader

	mu    sync.Mutex
	known map[string]*finding
	asked int       // the number of names that were looked up since the schema was read
	pause time.Time // no question is sent before this time
	full  bool      // the answers of the server have exceeded the limits
	// renewed says that the reader must forget which types the server did not have.
	renewed bool
}

// finding is the result of a look-up. found is set when done is closed.
type finding struct {
	done  chan struct{}
	found protoreflect.Descriptor               // nil for a name that the server does not know
	again func(*finder) protoreflect.Descriptor // the same look-up by another finder
}

// newFinder returns a finder that uses the reader of a schema. All questions end with lifetime.
func newFinder(lifetime context.Context, r *reader) *finder {
	r.ask.budget.extend(findFiles, findBytes, findElements)
	r.pool.steps = 0
	return &finder{lifetime: lifetime, reader: r, turn: make(chan struct{}, 1), known: map[string]*finding{}}
}

// renew forgets the names that the server did not know, and allows maxFinds look-ups again.
func (f *finder) renew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, finding := range f.known {
		select {
		case <-finding.done:
			if finding.found == nil {
				delete(f.known, name)
			}
		default: // a look-up is under way
		}
	}
	f.asked, f.pause, f.renewed = len(f.known), time.Time{}, true
}

// byName returns a message type or an extension, nil where the server has none of that name.
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

// extension returns the extension of a message with a number, nil where the server has none.
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

// lookup is one question, and the function that finds the result in the files of the answer.
type lookup struct {
	key      string
	question *reflectionv1.ServerReflectionRequest
	in       func(protoreflect.FileDescriptor) protoreflect.Descriptor // nil where the file does not have it
	again    func(*finder) protoreflect.Descriptor                     // the same look-up by another finder
}

// find returns a known result, or asks the server. Where the same look-up is under way already, find waits for its result.
func (f *finder) find(l lookup) protoreflect.Descriptor {
	f.mu.Lock()
	known, ok := f.known[l.key]
	if ok {
		f.mu.Unlock()
		<-known.done // within findTimeout
		return known.found
	}
	if f.full || f.asked >= maxFinds || time.Now().Before(f.pause) {
		f.mu.Unlock()
		return nil
	}
	f.asked++
	known = &finding{done: make(chan struct{}), again: l.again}
	f.known[l.key] = known
	f.mu.Unlock()

	err := errNoAnswer
	defer func() { // deferred, since other callers wait even after a panic
		f.mu.Lock()
		defer f.mu.Unlock()
		if err != nil { // the server gave no answer, so the name may be looked up again
			delete(f.known, l.key)
		}
		close(known.done)
	}()
	known.found, err = f.ask(l)
	return known.found
}

// errNoAnswer says that other look-ups used up the time.
var errNoAnswer = errors.New("no answer")

// ask asks the server. An error means that the server gave no answer.
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
	f.reader.ask.closeStream()
	limit := (*limitError)(nil)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		return found, nil
	case errors.As(err, &limit):
		f.full = true
	case ctx.Err() != nil, preventsFurther(err):
		f.pause = time.Now().Add(findPause)
	default:
		return nil, nil // the server answered that it does not know the type, or cannot describe it
	}
	return nil, err
}

// read asks the question, and reads the imports of the files in the answer.
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

// symbolIn returns a message, an enum or an extension in a file, nil where there is none.
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

// extensionIn returns an extension with a number, anywhere in a file or a message, nil where there is none.
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
