package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/membus"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// model is a cluster of real registries over a bus in memory, with browsers that roam.
type model struct {
	hub       *membus.Hub
	ledger    *ledger
	settings  fanout.Settings
	processes []*process
	browsers  []*browser
	meaning   map[string]int // which event an id is that of
	started   int
	thief     *thief
	did       []string
}

// process is one replica.
type process struct {
	name     string
	bus      *membus.Bus
	gate     *cluster.Gate // of all but the reader of the upstream
	reads    *cluster.Gate // of the reader of the upstream
	node     *cluster.Node
	registry *fanout.Registry
	paused   bool
	resigned bool
}

const (
	modelReplicas = 3
	modelLinger   = 2 * time.Second
)

func newModel(k kind, ctx context.Context) (*model, error) {
	m := &model{hub: membus.NewHub(1), ledger: newLedger(k), meaning: map[string]int{}}
	m.thief = newThief(m.hub)
	m.settings = fanout.Settings{
		Label: "l", Bounds: replay.Bounds{Events: 200}, Linger: modelLinger, HasID: k != noIDs, Resumes: k == cursors, Cluster: true,
		Backoff: backoff.Policy{Base: 100 * time.Millisecond, Max: time.Second},
		Slow:    func() pump.End { return pump.End{Ending: &ending.Ending{Code: ending.Unavailable, Reason: "slow"}} },
	}
	for range modelReplicas {
		if err := m.start(ctx); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// start starts a process.
func (m *model) start(ctx context.Context) error {
	p := &process{
		name: fmt.Sprintf("r%d", m.started), bus: m.hub.Join(4 << 10), gate: &cluster.Gate{}, reads: &cluster.Gate{},
		registry: fanout.NewRegistry(ctx, fanout.Limits{}),
	}
	m.started++
	codec, err := wire.NewCodec(wire.Settings{Name: "test", Secret: make([]byte, wire.MinSecret), Seal: true})
	if err != nil {
		return err
	}
	if p.node, err = cluster.New(p.bus, codec, p.gate.With(cluster.Options{Replica: p.name})); err != nil {
		return err
	}
	p.registry.Cluster = p.node
	m.processes = append(m.processes, p)
	return nil
}

// open has a browser connect to a replica.
func (m *model) open(b *browser, p *process) error {
	s, err := p.registry.Join("key", fanout.Newcomer{LastEventID: b.lastID}, func() (fanout.Settings, reading.Upstream) {
		return m.settings, &reader{ledger: m.ledger, gate: p.reads.Pass}
	})
	if err != nil {
		return err
	}
	b.Subscriber, b.at = s, p
	b.log = append(b.log, "opens "+p.name+" from "+b.lastID)
	return nil
}

// move has a browser connect to another replica.
func (m *model) move(b *browser, p *process) error {
	b.Close()
	return m.open(b, p)
}

// kill ends a process. Its browsers come to another one.
func (m *model) kill(i int) error {
	p := m.processes[i]
	m.processes = append(m.processes[:i:i], m.processes[i+1:]...)
	p.bus.Close()
	p.pause(false)
	for _, b := range m.browsers {
		if b.at == p {
			b.Close()
		}
	}
	p.end()
	for _, b := range m.browsers {
		if b.at == p {
			if err := m.open(b, m.processes[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// end frees what a dead process has.
func (p *process) end() {
	p.registry.Close(pump.End{Ending: &ending.Ending{Code: ending.Unavailable, Reason: "closed"}})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.node.Close(ctx)
}

func (p *process) pause(paused bool) {
	p.paused = paused
	p.gate.Shut(paused)
	p.reads.Shut(paused)
	p.bus.Pause(paused)
}

// look has each browser read what there is. A browser of a process that stands still gets nothing.
func (m *model) look() error {
	synctest.Wait()
	for _, b := range m.browsers {
		if b.at.paused {
			continue
		}
		ended, err := b.read(m)
		if err != nil {
			return err
		}
		if ended {
			if err := m.move(b, m.processes[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// deed is one thing that happens.
type deed struct{ what, which, size int }

func (m *model) do(ctx context.Context, d deed) error {
	p := m.processes[d.which%len(m.processes)]
	note := func(format string, args ...any) { m.did = append(m.did, fmt.Sprintf(format, args...)) }
	switch d.what {
	default:
		note("send %d", d.size)
		m.ledger.send(d.size)
	case 0:
		note("wait")
		time.Sleep([]time.Duration{time.Millisecond, 100 * time.Millisecond, 700 * time.Millisecond, 3 * time.Second}[d.size%4])
	case 1:
		note("kill %s", p.name)
		if len(m.processes) == 1 {
			return nil
		}
		if err := m.kill(d.which % len(m.processes)); err != nil {
			return err
		}
		return m.start(ctx)
	case 2:
		note("pause %s %v", p.name, !p.paused)
		p.pause(!p.paused)
	case 3: // its reader wakes first
		note("reader of %s wakes", p.name)
		p.reads.Shut(false)
	case 4:
		note("cut %s %d", p.name, d.size%4)
		p.bus.Cut(d.size%4&1 != 0, d.size%4&2 != 0)
	case 5:
		note("connect %s %v", p.name, d.size%2 == 0)
		p.bus.Connect(d.size%2 == 0)
	case 6:
		note("silence %v", d.size%2 == 0)
		m.hub.Silence(d.size%2 == 0)
	case 7:
		note("delete store")
		m.hub.DeleteStore()
	case 8:
		note("lose %d", d.size%3)
		m.hub.Lose(float64(d.size%3) / 4)
	case 9:
		note("delay %d", d.size%3)
		m.hub.Delay(time.Duration(d.size%3) * 40 * time.Millisecond)
	case 10:
		note("move to %s", p.name)
		return m.move(m.browsers[d.size%len(m.browsers)], p)
	case 11:
		note("resign %s", p.name)
		p.resigned = true
		p.registry.Resign()
	case 12:
		note("say again %d", d.size)
		m.thief.say(d.size, d.size%4 == 0)
	}
	return nil
}

// heal ends all faults. A process that resigned ends, as it does in a rolling update.
func (m *model) heal(ctx context.Context) error {
	m.hub.Silence(false)
	m.hub.Lose(0)
	m.hub.Delay(0)
	for _, p := range m.processes {
		p.pause(false)
		p.bus.Connect(true)
	}
	for i := len(m.processes) - 1; i >= 0; i-- {
		if m.processes[i].resigned {
			if err := m.start(ctx); err != nil {
				return err
			}
			if err := m.kill(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// run has everything happen, and checks what browsers get, and that things settle.
func (m *model) run(ctx context.Context, deeds []deed) (err error) {
	defer func() {
		for _, b := range m.browsers {
			b.Close()
		}
		for _, p := range m.processes {
			p.pause(false)
			p.bus.Close()
			p.end()
		}
		m.thief.bus.Close()
	}()
	for i := range 4 {
		b := &browser{}
		if err := m.open(b, m.processes[i%len(m.processes)]); err != nil {
			return err
		}
		m.browsers = append(m.browsers, b)
	}
	for _, d := range deeds {
		if err := m.do(ctx, d); err != nil {
			return err
		}
		if err := m.look(); err != nil {
			return err
		}
	}
	return m.settles(ctx)
}

func (m *model) settles(ctx context.Context) error {
	if err := m.heal(ctx); err != nil {
		return err
	}
	for range 40 { // the owner reads its entry every 15 s
		time.Sleep(time.Second)
		m.ledger.send(1)
		if err := m.look(); err != nil {
			return err
		}
	}
	if n := m.ledger.readers(); n != 1 {
		return fmt.Errorf("%d upstream streams are open when all is settled: %v", n, m.streams())
	}
	m.ledger.send(3)
	time.Sleep(time.Second)
	if err := m.look(); err != nil {
		return err
	}
	for _, b := range m.browsers {
		if sent, _ := m.ledger.state(); b.newest != sent {
			return fmt.Errorf("a browser has %d of %d: %v %v", b.newest, sent, b.log, m.streams())
		}
		b.Close()
	}
	time.Sleep(2*modelLinger + 2*time.Second)
	synctest.Wait()
	if n := m.ledger.readers(); n != 0 {
		return fmt.Errorf("%d upstream streams are open without browsers", n)
	}
	if n := m.hub.Entries(); n != 0 {
		return fmt.Errorf("%d entries are left", n)
	}
	return nil
}

func (m *model) streams() (all []cluster.Stream) {
	for _, p := range m.processes {
		all = append(all, p.node.Streams()...)
	}
	return all
}

func runModel(t *testing.T, k kind, deeds []deed) (m *model, err error) {
	synctest.Test(t, func(t *testing.T) {
		if m, err = newModel(k, t.Context()); err == nil {
			err = m.run(t.Context(), deeds)
		}
	})
	return m, err
}

// Whatever happens to replicas and the bus: what browsers get has no hole that is not told, an id is that of one event, and
// afterwards one replica reads for all.
func TestRegistriesInACluster(t *testing.T) {
	kinds := rapid.SampledFrom([]kind{noIDs, ids, cursors})
	deeds := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) deed {
		return deed{
			what:  rapid.IntRange(0, 20).Draw(rt, "what"),
			which: rapid.IntRange(0, 5).Draw(rt, "which"),
			size:  rapid.IntRange(1, 12).Draw(rt, "size"),
		}
	}), 1, 40)
	rapid.Check(t, func(rt *rapid.T) {
		m, err := runModel(t, kinds.Draw(rt, "kind"), deeds.Draw(rt, "deeds"))
		if err != nil {
			rt.Fatal(err, "\n", m.did)
		}
	})
}

func TestRegistriesWithoutFaults(t *testing.T) {
	for _, k := range []kind{noIDs, ids, cursors} {
		m, err := runModel(t, k, []deed{{what: 20, size: 5}, {what: 0, size: 1}, {what: 20, size: 5}})
		require.NoError(t, err, m)
	}
}
