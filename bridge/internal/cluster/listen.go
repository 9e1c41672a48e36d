package cluster

import "github.com/grpcsse/grpcsse/bridge/internal/wire"

const subjectBeat = "beat"

func subjectEvents(name string) string   { return "ev." + name }
func subjectLog(name string) string      { return "log." + name }
func subjectWant(name string) string     { return "want." + name }
func subjectAlive(replica string) string { return "alive." + replica }
func subjectIn(replica string) string    { return "in." + replica }

// listen subscribes to what concerns the replica and not one key.
func (n *Node) listen() error {
	for subject, handle := range map[string]func(*Delivery){
		subjectAlive(n.me): reply,
		subjectIn(n.me):    n.receive,
		subjectBeat:        n.receive,
	} {
		stop, err := n.bus.Subscribe(subject, handle)
		if err != nil {
			return err
		}
		n.stops = append(n.stops, stop)
	}
	return nil
}

// reply answers a request that asks only whether somebody answers.
func reply(d *Delivery) {
	if d.Reply != nil {
		_ = d.Reply(nil) // where the reply is lost, the other replica asks again
	}
}

// receive hands a message to the shards that it concerns. A message that is not one of this cluster is dropped.
func (n *Node) receive(d *Delivery) {
	m, _ := n.decode(d.Subject, d.Data)
	if m == nil || m.From == n.me {
		return
	}
	switch b := m.Body.(type) {
	case wire.Page:
		n.deliver(b.Name, len(d.Data), func(s *seat) { s.take(m.From, b.Page, true) })
	case wire.Left:
		n.deliver(b.Name, len(d.Data), func(s *seat) { s.lose(m.From) })
	case wire.Beat:
		n.spread(len(d.Data), len(b.Ends), func(i int) string { return b.Ends[i].Name }, func(s *seat, i int) {
			s.compare(m.From, b.Ends[i])
		})
	case wire.Following:
		n.spread(len(d.Data), len(b.Names), func(i int) string { return b.Names[i] }, func(s *seat, _ int) {
			s.followed(m.From)
		})
	}
}

// deliver has something done to the seat of a name, where there is one.
func (n *Node) deliver(name string, size int, do func(s *seat)) {
	sh := n.shardOf(name)
	sh.box.offer(size, func() {
		if s := sh.seats[name]; s != nil {
			do(s)
		}
	})
}

// spread has something done to the seats of several names, with one mail for each shard.
func (n *Node) spread(size, count int, name func(i int) string, do func(s *seat, i int)) {
	parts := map[*shard][]int{}
	for i := range count {
		sh := n.shardOf(name(i))
		parts[sh] = append(parts[sh], i)
	}
	for sh, part := range parts {
		sh.box.offer(size, func() {
			for _, i := range part {
				if s := sh.seats[name(i)]; s != nil {
					do(s, i)
				}
			}
		})
	}
}
