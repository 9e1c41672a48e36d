package pump

// fifo is a queue. It keeps the memory of the most items that it has held lately.
type fifo[T any] struct {
	items []T
	head  int // the index of the first item
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(items ...T) {
	if f.head > len(f.items)/2 { // more than half is free: move the items to the front instead of growing
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	f.items = append(f.items, items...)
}

// pop removes and returns the first item. The queue must not be empty.
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
