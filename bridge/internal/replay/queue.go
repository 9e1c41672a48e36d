package replay

import "slices"

// queue is a queue in one slice. When half of the slice is empty, the values are moved to its front. The zero value is empty.
type queue[T any] struct {
	values []T // those in the queue are the ones from head on
	head   int
}

func (q *queue[T]) len() int { return len(q.values) - q.head }

// at returns the value that stands behind i others. It is valid until the next push or pop.
func (q *queue[T]) at(i int) *T { return &q.values[q.head+i] }

// oldest returns the n oldest values. They are valid until the next push or pop.
func (q *queue[T]) oldest(n int) []T { return q.values[q.head : q.head+n] }

func (q *queue[T]) push(v T) { q.values = append(q.values, v) }

// pop removes the n oldest values.
func (q *queue[T]) pop(n int) {
	clear(q.oldest(n))
	q.head += n
	held := q.len()
	if q.head < held {
		return
	}
	copy(q.values, q.values[q.head:])
	clear(q.values[held:])
	q.values, q.head = q.values[:held], 0
	if cap(q.values) > 4*held+64 {
		q.values = slices.Clone(q.values)
	}
}
