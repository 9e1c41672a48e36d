package pump

// Follower watches the topic of a cursor, also where the topic changes. Only the goroutine that calls the cursor's Peek
// at the time may use it.
type Follower struct {
	cur    Cursor
	notify func()
	topic  Topic  // the topic that is watched
	stop   func() // ends the watch
}

// NewFollower watches the present topic of cur. notify is called as [Topic] says. The caller peeks once afterwards.
func NewFollower(cur Cursor, notify func()) *Follower {
	f := &Follower{cur: cur, notify: notify}
	f.watch(cur.Topic())
	return f
}

// Follow must be called after each Peek. Where the topic has changed, Follow watches the new topic instead of the old one. Then
// it calls notify, because there may be something new that the new topic told before it was watched.
func (f *Follower) Follow() {
	topic := f.cur.Topic()
	if topic == f.topic {
		return
	}
	f.stop()
	f.watch(topic)
	f.notify()
}

// Stop ends the watch.
func (f *Follower) Stop() { f.stop() }

func (f *Follower) watch(topic Topic) { f.topic, f.stop = topic, topic.Watch(f.notify) }
