package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster/clustertest"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// stranger sends messages that no node sends.
type stranger struct {
	r     *rig
	codec *wire.Codec
	send  func(subject string, data []byte) error
}

func (r *rig) stranger() *stranger {
	codec, err := wire.NewCodec(wire.Settings{Name: "test", Secret: make([]byte, wire.MinSecret), Seal: true})
	require.NoError(r.t, err)
	bus := r.hub.Join(1 << 20)
	r.closers = append(r.closers, bus.Close)
	return &stranger{r: r, codec: codec, send: bus.Publish}
}

func (s *stranger) say(subject, from string, body wire.Body) {
	pieces, err := s.codec.Encode(subject, wire.Message{From: from, Body: body}, 1<<20)
	require.NoError(s.r.t, err)
	require.NoError(s.r.t, s.send(subject, pieces[0]))
}

// The term is what fences an owner that does not know yet that it is none any more: also before the next one's first page.
func TestAPageThatIsNotOfTheOwnerIsDropped(t *testing.T) {
	for name, tt := range map[string]struct {
		from  string
		later uint64 // by how much the term is higher that was heard of last
		want  int
	}{
		"of the owner":              {"r0", 0, 1},
		"of the owner's last term":  {"r0", 1, 0},
		"of another in the term":    {"r9", 0, 0},
		"of another in a last term": {"r9", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				s := r.stranger()
				owner := r.join()
				r.after(10 * time.Millisecond)
				b := r.join()
				r.after(10 * time.Millisecond)
				place, key := owner.Place(), b.node.Streams()[0].Name
				if tt.later > 0 {
					s.say("beat", "r0", wire.Beat{Ends: []wire.End{{Name: key, Term: place.Term + tt.later}}})
					r.after(time.Millisecond)
				}
				other := clustertest.NewUpstream()
				ghost := clustertest.NewMember("ghost", other)
				ghost.Lead(1)
				other.Send(1)
				page := ghost.Page(fanout.Place{}, 0)
				page.Term, page.Epoch = place.Term, place.Epoch
				s.say("ev."+key, tt.from, wire.Page{Name: key, Page: page})
				r.after(time.Millisecond)
				assert.Len(t, b.Seen(), tt.want)
			})
		})
	}
}

// What is no message of the cluster, or one that is in no place where nodes send it, changes nothing.
func TestForeignMessagesChangeNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		s := r.stranger()
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.send(5)
		r.after(time.Second)
		name := a.node.Streams()[0].Name
		for _, subject := range []string{"ev." + name, "log." + name, "want." + name, "in.r0", "in.r1", "alive.r0", "beat"} {
			for _, data := range [][]byte{nil, {}, []byte("x"), make([]byte, 5000)} {
				require.NoError(t, s.send(subject, data))
			}
			for _, body := range []wire.Body{
				wire.Entry{}, wire.Answer{Term: 99}, wire.Beat{}, wire.Following{}, wire.Left{Name: "none"},
				wire.GaveUp{Name: name, Term: 0}, wire.Following{Names: []string{"none", name}},
			} {
				s.say(subject, "r9", body)
			}
		}
		r.after(time.Second)
		r.send(5)
		r.after(time.Second)
		assert.Equal(t, []*replica{a}, r.leaders())
		assert.Equal(t, 10, b.Newest())
		assert.Equal(t, []string{"follow"}, b.Calls())
	})
}
