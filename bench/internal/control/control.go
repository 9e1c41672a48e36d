// Package control is how the driver talks to the processes that it has started: a question is a line of JSON on the
// process's standard input, its answer a line on the standard output. The first line on the output is the process's
// greeting. The end of the input ends the process, so none outlives the driver.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// question is one line on a process's input.
type question struct {
	Do   string          `json:"do"`
	With json.RawMessage `json:"with,omitempty"`
}

// answer is one line on its output.
type answer struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

// Answer does what is asked; with is the question's argument, as JSON. What it returns goes back as JSON.
type Answer func(do string, with json.RawMessage) (any, error)

// Serve is the process's side: it greets, and then answers questions one by one until the input ends, which is no error.
func Serve(in io.Reader, out io.Writer, greeting any, f Answer) error {
	encoder, decoder := json.NewEncoder(out), json.NewDecoder(in)
	if err := reply(encoder, greeting, nil); err != nil {
		return err
	}
	for {
		var q question
		if err := decoder.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		value, err := f(q.Do, q.With)
		if err := reply(encoder, value, err); err != nil {
			return err
		}
	}
}

func reply(encoder *json.Encoder, value any, problem error) error {
	var a answer
	if problem != nil {
		a.Error = problem.Error()
	} else {
		var err error
		if a.Value, err = json.Marshal(value); err != nil {
			return err
		}
	}
	return encoder.Encode(a)
}

// Line is the driver's side. It may be used concurrently.
type Line struct {
	mu  sync.Mutex // from a question to its answer
	in  *json.Encoder
	out *json.Decoder
}

// NewLine returns a line to a process with this input and output, and decodes its greeting.
func NewLine(in io.Writer, out io.Reader, greeting any) (*Line, error) {
	l := &Line{in: json.NewEncoder(in), out: json.NewDecoder(out)}
	return l, l.hear(greeting)
}

// Ask asks, and decodes the answer into value unless it is nil. It waits as long as the process takes to answer or to end.
func (l *Line) Ask(do string, with, value any) error {
	argument, err := json.Marshal(with)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.in.Encode(question{Do: do, With: argument}); err != nil {
		return fmt.Errorf("%s: %w", do, err)
	}
	if err := l.hear(value); err != nil {
		return fmt.Errorf("%s: %w", do, err)
	}
	return nil
}

// hear decodes one answer.
func (l *Line) hear(value any) error {
	var a answer
	switch err := l.out.Decode(&a); {
	case errors.Is(err, io.EOF):
		return errors.New("the process has ended")
	case err != nil:
		return err
	case a.Error != "":
		return errors.New(a.Error)
	case value == nil:
		return nil
	}
	return json.Unmarshal(a.Value, value)
}
