package config

import (
	"strconv"
	"time"
)

// format is a kind of value: how the value is read and written, and how JSON Schema describes it.
type format[T any] struct {
	read func(*node) (T, bool)
	// write returns nil for a value that stands for a key left out.
	write   func(T) *node
	form    form
	example string
}

// as returns the format with another description of the value.
func (f format[T]) as(described form) format[T] {
	f.form = described
	return f
}

// words is the format of text on one line. Empty text stands for a key left out.
func words(read func(*node) (string, bool)) format[string] {
	return format[string]{read: read, form: lineForm, write: func(text string) *node {
		if text == "" {
			return nil
		}
		return textNode(text)
	}}
}

// listenerOrOff is the format of addresses to listen on and `off`, which is "".
func (d *decoder) listenerOrOff() format[string] {
	return format[string]{read: d.addressOrOff, form: anyOf(addressForm, wordForm(off)), write: func(address string) *node {
		if address == "" {
			return textNode(off)
		}
		return textNode(address)
	}}
}

// wordOf is the format of one of some words.
func wordOf[T ~string](d *decoder, known []T) format[T] {
	return format[T]{read: oneOf(d, known), form: wordForm(known...), write: func(word T) *node { return textNode(string(word)) }}
}

// flag is the format of true and false.
func (d *decoder) flag() format[bool] {
	return format[bool]{read: d.boolean, form: boolForm, write: func(value bool) *node { return textNode(strconv.FormatBool(value)) }}
}

// either is the format of two words, the second of which is true.
func (d *decoder) either(no, yes string) format[bool] {
	return format[bool]{read: d.choice(no, yes), form: wordForm(no, yes), write: func(value bool) *node {
		if value {
			return textNode(yes)
		}
		return textNode(no)
	}}
}

// durations is the format of durations. The form says whether 0 is one.
func durations(read func(*node) (time.Duration, bool), described form) format[time.Duration] {
	return format[time.Duration]{
		read: read, form: described,
		write: func(value time.Duration) *node { return textNode(durationText(value)) },
	}
}

// timeOrOff is the format of durations and `off`, which is 0.
func (d *decoder) timeOrOff() format[time.Duration] {
	return format[time.Duration]{read: d.durationOrOff, form: anyOf(positiveForm, wordForm(off)), write: durationNode}
}

// sizes is the format of numbers of bytes.
func sizes(read func(*node) (Size, bool)) format[Size] {
	return format[Size]{read: read, form: sizeForm, write: func(value Size) *node { return textNode(value.String()) }}
}

// count is the format of whole numbers of at least 1.
func (d *decoder) count() format[int] {
	return format[int]{read: d.atLeast(1), form: countForm, write: func(value int) *node { return textNode(strconv.Itoa(value)) }}
}

// countOrWord is the format of whole numbers of at least 1 and a word, which is 0.
func (d *decoder) countOrWord(word string) format[int] {
	return format[int]{read: d.countOr(word), form: anyOf(countForm, wordForm(word)), write: func(value int) *node {
		if value == 0 {
			return textNode(word)
		}
		return textNode(strconv.Itoa(value))
	}}
}

// texts is the format of lists of text.
func texts(example string, described form, read func(*node) ([]string, bool)) format[[]string] {
	return format[[]string]{read: read, write: listNode, form: described, example: example}
}
