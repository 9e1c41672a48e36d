package pump

// fifo is a queue whose memory is that of the most it has held lately.
type fifo[T any] struct {
	items []T
	head  int // the first that was not taken
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(items ...T) {
	if f.head > len(f.items)/2 { // half of it is behind us: move what is left instead of growing
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	f.items = append(f.items, items...)
}

// pop takes the first item, of which there must be one.
func (f *fifo[T]) pop() T {
	var none T
	item := f.items[f.head]
	f.items[f.head] = none
	f.head++
	if f.head == len(f.items) {
		f.items, f.head = f.items[:0], 0
	}
	return item
}
