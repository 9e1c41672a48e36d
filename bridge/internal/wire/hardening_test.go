package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// one returns a message as one piece.
func one(t require.TestingT, c *Codec, subject string, m Message) []byte {
	pieces, err := c.Encode(subject, m, 1<<20)
	require.NoError(t, err)
	require.Len(t, pieces, 1)
	return pieces[0]
}

func TestWhoseMessagesAReplicaDoesNotRead(t *testing.T) {
	m := Message{"A", Left{"k"}}
	other := func(s *Settings) { s.Secret = bytes.Repeat([]byte("y"), MinSecret) }
	another := func(s *Settings) { s.Name = "staging" }
	edit := func(piece []byte, at int, b byte) []byte {
		piece = bytes.Clone(piece)
		piece[at] = b
		return piece
	}
	sealed, open := one(t, newCodec(t), "in.A", m), one(t, newCodec(t, plain), "in.A", m)
	for name, tt := range map[string]struct {
		to      *Codec
		subject string
		piece   []byte
		want    error
	}{
		"nothing":                       {newCodec(t), "in.A", nil, ErrForeign},
		"the mark alone":                {newCodec(t), "in.A", []byte(magic), ErrForeign},
		"JSON":                          {newCodec(t), "in.A", []byte(`{"hello":"world, this is another program"}`), ErrForeign},
		"another version":               {newCodec(t), "in.A", edit(sealed, 3, version+1), ErrVersion},
		"another version, and shorter":  {newCodec(t), "in.A", []byte(magic + "\x02"), ErrVersion},
		"a piece of a header":           {newCodec(t), "in.A", sealed[:headerBytes-1], ErrMalformed},
		"a flag that there is not":      {newCodec(t), "in.A", edit(sealed, 4, 1<<2|flagSealed), ErrMalformed},
		"a header alone":                {newCodec(t), "in.A", sealed[:headerBytes], ErrTampered},
		"another secret":                {newCodec(t, other), "in.A", sealed, ErrSecret},
		"a cluster of another name":     {newCodec(t, another), "in.A", sealed, ErrSecret},
		"sealed for one without a seal": {newCodec(t, plain), "in.A", sealed, ErrSeal},
		"plain for one with a seal":     {newCodec(t), "in.A", open, ErrSeal},
		"on another subject":            {newCodec(t), "in.B", sealed, ErrTampered},
		"a plain one without a body":    {newCodec(t, plain), "in.A", open[:headerBytes], ErrMalformed},
		"a plain one with more":         {newCodec(t, plain), "in.A", append(bytes.Clone(open), 0), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tt.to.Decode(tt.subject, tt.piece)
			require.ErrorIs(t, err, tt.want)
			assert.Nil(t, got)
		})
	}
}

// The value of a key's entry cannot become that of another key.
func TestASealedMessageIsAuthenticInEachByte(t *testing.T) {
	from, to := newCodec(t), newCodec(t)
	piece := one(t, from, "entry", Message{"A", Entry{7}})
	for i := range piece {
		for bit := range 8 {
			changed := bytes.Clone(piece)
			changed[i] ^= 1 << bit
			m, err := to.Decode("entry", changed)
			require.Error(t, err, "byte %d, bit %d", i, bit)
			require.Nil(t, m)
		}
	}
	for n := range piece {
		_, err := to.Decode("entry", piece[:n])
		require.Error(t, err, "%d bytes", n)
	}
	_, err := to.Decode("entry", piece)
	require.NoError(t, err)
	assert.Len(t, to.keys.senders, 1, "what is not authentic makes no cipher that stays")
}

func TestASealHidesWhatIsSent(t *testing.T) {
	m := Message{"SENDER", Page{"key", &fanout.Page{Events: []*replay.Event{anEvent(t, "a private matter")}}}}
	for name, tt := range map[string]struct {
		c    *Codec
		want func(t assert.TestingT, s, part any, _ ...any) bool
	}{
		"sealed": {newCodec(t), assert.NotContains},
		"plain":  {newCodec(t, plain), assert.Contains},
	} {
		t.Run(name, func(t *testing.T) {
			piece := string(one(t, tt.c, "s", m))
			tt.want(t, piece, "a private matter")
			tt.want(t, piece, "SENDER")
			assert.NotEqual(t, piece, string(one(t, tt.c, "s", m)), "no two pieces are equal")
		})
	}
}

func TestNamesOfKeys(t *testing.T) {
	c := newCodec(t)
	assert.Regexp(t, "^[a-z2-7]{26}$", c.Name("route\x00x-user: 17"))
	assert.Equal(t, c.Name("k"), newCodec(t).Name("k"), "each replica has the same names")
	assert.Equal(t, c.Name("k"), newCodec(t, plain).Name("k"), "with a seal and without")
	assert.Equal(t, "t455kgzrn5tm3kqdauwlkkvzgy", c.Name("k"), "a release must not change the names")
	assert.NotEqual(t, c.Name("k"), c.Name("l"))
	assert.NotEqual(t, c.Name("k"), newCodec(t, func(s *Settings) { s.Name = "staging" }).Name("k"))
	other := newCodec(t, func(s *Settings) { s.Secret = bytes.Repeat([]byte("y"), MinSecret) })
	assert.NotEqual(t, c.Name("k"), other.Name("k"))
}

func TestASecretHasALength(t *testing.T) {
	_, err := NewCodec(Settings{Name: "prod", Secret: make([]byte, MinSecret-1), Seal: true})
	require.EqualError(t, err, "cluster: expected a secret of at least 32 bytes, found 31")
}

// The format may change with its version only: replicas of two releases talk to one another while the second one is rolled
// out.
func TestTheFormatOfItsVersion(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	e := anEvent(t, `{"n":1}`)
	e.ID, e.Key, e.Mark, e.At = "17", "EUR", true, now.Add(-time.Microsecond)
	end := pump.NewEnd(ending.Refuse(ending.NotFound, ending.ByUpstream, "gone"), 2*time.Second)
	body, err := appendMessage(nil, Message{"A", Page{"k", &fanout.Page{
		Term: 300, Epoch: "e", Offset: 5, Oldest: true, After: "16", Version: 2, More: true,
		Values: []*replay.Event{anEvent(t, "0")}, Events: []*replay.Event{e},
		Condition: &fanout.Condition{
			Accepted: true, Header: reading.Header{"b": {"2"}, "a": {"1", ""}}, Stale: true, By: ending.Unavailable,
			Sure: true, SureFrom: 3, SureResumed: true, End: &end, EndAt: 6,
		},
	}}}, now)
	require.NoError(t, err)
	assert.Equal(t, 1, version)
	want := "\x02\x01A\x01k\a\xac\x02\x01e\x05\x0216\x02" + // a page of A: its flags, term, epoch, offset, id before, version
		"\x01\x00\x00\x01\x00\x00\tdata: 0\n\n" + // a value
		"\x01\x03\xe8\a\x01\x0217\x03EUR\x0fdata: {\"n\":1}\n\n" + // an event
		"?\x0e\x03\x06\x02\x01a\x02\x011\x00\x01b\x01\x012" + // a condition with a header
		"\x04\x80\xd0\xac\xf3\x0e\x05\x04gone\bupstream\x00\x94\x03\x00" // an end
	assert.Equal(t, want, string(body))
}

// hostile are bodies of messages that claim much and have little.
func hostile(t require.TestingT) map[string][]byte {
	start := func(kind byte) []byte { return append([]byte{kind}, "\x01A"...) }
	count := func(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }
	page := append(start(kindPage), "\x01k\x00\x00\x00\x00\x00\x00"...)
	event := func(rest string) []byte { return append(append(bytes.Clone(page), "\x00\x01"...), rest...) }
	ending := func(rest string) []byte {
		return append(append(start(kindPage), "\x01k\x04\x00\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00"...), rest...)
	}
	condition := append(append(start(kindPage), "\x01k\x04\x00\x00\x00\x00\x00\x00\x00"...), "\x02\x00\x00\x00"...)
	return map[string][]byte{
		"nothing":                     {},
		"no kind":                     {0, 1, 'A'},
		"a kind that there is not":    {99, 1, 'A'},
		"no sender":                   {kindEntry, 0, 0},
		"a number of 70 bits":         append(start(kindEntry), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"...),
		"a number with zeros":         append(start(kindEntry), "\x80\x00"...),
		"2^63 ends":                   count(start(kindBeat), 1<<63),
		"a million ends in no bytes":  count(start(kindBeat), 1<<20),
		"a million ends in a million": append(count(start(kindBeat), 1<<20), make([]byte, 1<<20)...),
		"a million names":             append(count(start(kindFollowing), 1<<20), bytes.Repeat([]byte{0x81}, 1<<20)...),
		"a long name":                 append(count(start(kindLeft), 129), make([]byte, 129)...),
		"2^32 values":                 count(bytes.Clone(page), 1<<32),
		"2^20 events":                 append(count(append(bytes.Clone(page), 0), 1<<20), make([]byte, 5<<20)...),
		"an event without a block":    event("\x00\x01\x00\x00\x00"),
		"a block of one byte":         event("\x00\x01\x00\x00\x01\n"),
		"a block of two":              event("\x00\x00\x00\x00\x02\n\n"),
		"a block without an end":      event("\x00\x01\x00\x00\x07data: x"),
		"two events in a block":       event("\x00\x01\x00\x00\x12data: x\n\ndata: y\n\n"),
		"CR in a block":               event("\x00\x01\x00\x00\x0bdata: x\ry\n\n"),
		"an index behind the block":   event("\x00\x63\x00\x00\x09data: x\n\n"),
		"an index within a line":      event("\x00\x02\x00\x00\x0axdata: x\n\n"),
		"an id with a line end":       event("\x00\x01\x03a\nb\x00\x09data: x\n\n"),
		"an age of centuries":         event("\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x00\x00\x09data: x\n\n"),
		"flags that there are not":    event("\x08\x01\x00\x00\x09data: x\n\n"),
		"no subject":                  event("\x04\x01\x00\x00\x09data: x\n\n"),
		"events behind the last offset": append(append(start(kindPage),
			"\x01k\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00\x00\x02"...),
			"\x00\x01\x00\x00\x09data: x\n\n\x00\x01\x00\x00\x09data: x\n\n"...),
		"a thousand names of a header": count(bytes.Clone(condition), 1000),
		"5000 values of a header": slices.Concat(condition, []byte("\x02\x01a\xc4\x13"), make([]byte, 2500),
			[]byte("\x01b\xc4\x13"), make([]byte, 2500)),
		"names without an order": append(bytes.Clone(condition), "\x02\x01b\x00\x01a\x00"...),
		"one name twice":         append(bytes.Clone(condition), "\x02\x01a\x00\x01a\x00"...),
		"a line end in a header": append(bytes.Clone(condition), "\x01\x01a\x01\x03x\ny"...),
		"a code of gRPC over 16": append(start(kindPage), "\x01k\x04\x00\x00\x00\x00\x00\x00\x00\x00\x11\x00\x00"...),
		"an HTTP status of 7":    ending("\x04\x00\x05\x00\x00\x00\x07\x00"),
		"a delay below 0":        ending("\x04\x01\x05\x00\x00\x00\x00\x00"),
	}
}

// reasons are parts of the errors of hostile messages: each message is right but for one thing.
func reasons() map[string]string {
	return map[string]string{
		"nothing":                       "expected the kind of the message, found the end",
		"no kind":                       "expected a kind from 1 to 8, found 0",
		"a kind that there is not":      "expected a kind from 1 to 8, found 99",
		"no sender":                     "expected a sender's name, found none",
		"a number of 70 bits":           "expected a base, found no number",
		"a number with zeros":           "expected a base in its shortest form",
		"2^63 ends":                     "expected ends up to 1048576, found 9223372036854775808",
		"a million ends in no bytes":    "expected 1048576 ends, found room for 0",
		"a million ends in a million":   "expected 1048576 ends, found room for",
		"a million names":               "expected a key's name",
		"a long name":                   "expected a key's name up to 128, found 129",
		"2^32 values":                   "expected values up to 1048576, found 4294967296",
		"2^20 events":                   "a blank line at its end and nowhere else",
		"an event without a block":      "a blank line at its end and nowhere else",
		"a block of one byte":           "a blank line at its end and nowhere else",
		"a block of two":                "a line end in front",
		"a block without an end":        "a blank line at its end and nowhere else",
		"two events in a block":         "a blank line at its end and nowhere else",
		"CR in a block":                 "expected a block without CR",
		"an index behind the block":     "expected a block with a data line where the message says",
		"an index within a line":        "expected the data at the beginning of a line",
		"an id with a line end":         "expected an id of printable ASCII without spaces, found the byte 0xa",
		"an age of centuries":           "expected an age up to",
		"flags that there are not":      "expected the flags of an event of 3 bits, found 0x8",
		"no subject":                    "expected a subject of 16 bytes, found 13 bytes",
		"events behind the last offset": "found events behind the last one",
		"a thousand names of a header":  "expected 1000 names of a header, found room for 0",
		"5000 values of a header":       "expected values of a header up to 1594, found 2500",
		"names without an order":        "expected the names of a header in their order",
		"one name twice":                "expected the names of a header in their order",
		"a line end in a header":        "expected a value of a header without line ends and NUL",
		"a code of gRPC over 16":        "expected a code of gRPC up to 16, found 17",
		"an HTTP status of 7":           "expected an HTTP status from 200 on, found 7",
		"a delay below 0":               "expected a delay from 0 on, found -1ns",
	}
}

func TestHostileMessages(t *testing.T) {
	c := newCodec(t, plain)
	for name, body := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			piece := c.seal(append(make([]byte, headerBytes), body...), "s", 1, false)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m, err := c.Decode("s", piece)
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, ErrMalformed)
			require.NotEmpty(t, reasons()[name])
			require.ErrorContains(t, err, reasons()[name])
			assert.Nil(t, m)
			most := uint64(64*len(piece) + 1<<20)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, most, "bytes for a message of %d", len(piece))
		})
	}
}

func TestDetailsOfAnEndThatAreNoJSONAreLeftOut(t *testing.T) {
	end := pump.NewEnd(&ending.Ending{Code: ending.NotFound, Details: []json.RawMessage{json.RawMessage("{")}, HTTPStatus: 404}, 0)
	c := newCodec(t)
	got := send(t, c, "s", [][]byte{one(t, c, "s", conditional(&fanout.Condition{End: &end}))})
	assert.Equal(t, end, *got.Body.(Page).Page.Condition.End)
}

func bigPage(t require.TestingT, size int) Message {
	return Message{"A", Page{"k", &fanout.Page{Events: []*replay.Event{anEvent(t, string(bytes.Repeat([]byte("x"), size)))}}}}
}

func TestPartsThatDoNotComeInTheirOrder(t *testing.T) {
	from := newCodec(t)
	pieces := func() [][]byte {
		pieces, err := from.Encode("ev.k", bigPage(t, 1500), 512)
		require.NoError(t, err)
		require.Len(t, pieces, 4)
		return pieces
	}
	for name, tt := range map[string]struct {
		order      []int
		incomplete int
		whole      bool
	}{
		"in their order":       {[]int{0, 1, 2, 3}, 0, true},
		"without the first":    {[]int{1, 2, 3}, 3, false},
		"without the second":   {[]int{0, 2, 3}, 2, false},
		"without the last":     {[]int{0, 1, 2}, 0, false},
		"one twice":            {[]int{0, 1, 1, 2, 3}, 3, false},
		"the first twice":      {[]int{0, 0, 1, 2, 3}, 0, true},
		"all twice":            {[]int{0, 1, 2, 3, 0, 1, 2, 3}, 0, true},
		"again from the first": {[]int{0, 1, 0, 1, 2, 3}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			to, sent := newCodec(t), pieces()
			incomplete, whole := 0, false
			for _, i := range tt.order {
				m, err := to.Decode("ev.k", sent[i])
				if err != nil {
					require.ErrorIs(t, err, ErrIncomplete)
					incomplete++
				}
				whole = whole || m != nil
			}
			assert.Equal(t, tt.incomplete, incomplete)
			assert.Equal(t, tt.whole, whole)
			send(t, to, "ev.k", pieces())
		})
	}
}

func TestPartsOfSeveralMessagesMayMix(t *testing.T) {
	a, b, to := newCodec(t), newCodec(t), newCodec(t)
	first, err := a.Encode("ev.k", bigPage(t, 1500), 512)
	require.NoError(t, err)
	second, err := b.Encode("ev.k", bigPage(t, 1400), 512)
	require.NoError(t, err)
	whole := 0
	for i := range first {
		for _, piece := range [][]byte{first[i], second[i]} {
			m, err := to.Decode("ev.k", piece)
			require.NoError(t, err)
			if m != nil {
				whole++
			}
		}
	}
	assert.Equal(t, 2, whole)
	assert.Empty(t, to.parts.open)
	assert.Zero(t, to.parts.bytes)
}

func TestUnfinishedMessagesHaveABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := newCodec(t, plain), newCodec(t, plain)
		for range 3 * maxUnfinished {
			pieces, err := from.Encode("ev.k", bigPage(t, 1500), 512)
			require.NoError(t, err)
			_, err = to.Decode("ev.k", pieces[0])
			require.NoError(t, err)
		}
		assert.Len(t, to.parts.open, maxUnfinished)
		assert.LessOrEqual(t, to.parts.bytes, maxUnfinished*512)

		pieces, err := from.Encode("ev.k", bigPage(t, 300<<10), 100<<10)
		require.NoError(t, err)
		to.parts.most = 1 << 20
		for i := range 32 { // messages of which all but the last part comes
			for _, piece := range pieces[:2] {
				h, err := readHeader(piece)
				require.NoError(t, err)
				h.sender[0], h.sender[1] = byte(i), 1
				h.put(piece)
				_, err = to.Decode("ev.k", piece)
				require.NoError(t, err)
			}
		}
		assert.LessOrEqual(t, to.parts.bytes, to.parts.most)

		time.Sleep(partPatience + time.Second)
		small, err := from.Encode("ev.k", bigPage(t, 1500), 512)
		require.NoError(t, err)
		_, err = to.Decode("ev.k", small[0])
		require.NoError(t, err)
		assert.Len(t, to.parts.open, 1, "parts that came too long ago are forgotten")
		_, err = to.Decode("ev.k", pieces[2])
		require.ErrorIs(t, err, ErrIncomplete)
	})
}

func TestHostileParts(t *testing.T) {
	c := newCodec(t, plain)
	for name, body := range map[string]string{
		"no index":                  "",
		"no number of parts":        "\x00",
		"one part":                  "\x00\x01x",
		"no parts":                  "\x00\x00x",
		"an index behind the last":  "\x02\x02x",
		"an index before the first": "\x09\x0ax", // the piece has the number 5
		"an empty part":             "\x00\x02",
		"2^40 parts":                "\x00\x80\x80\x80\x80\x80\x20x",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Decode("s", c.seal(append(make([]byte, headerBytes), body...), "s", 5, true))
			require.ErrorIs(t, err, ErrMalformed)
			assert.Empty(t, c.parts.open)
		})
	}
}

// The number of parts may change within a message only where somebody changes it.
func TestAPartWithAnotherNumberOfParts(t *testing.T) {
	c := newCodec(t, plain)
	_, err := c.Decode("s", c.seal(append(make([]byte, headerBytes), "\x00\x03x"...), "s", 5, true))
	require.NoError(t, err)
	_, err = c.Decode("s", c.seal(append(make([]byte, headerBytes), "\x01\x02x"...), "s", 6, true))
	require.ErrorIs(t, err, ErrIncomplete)
}

func TestCiphersOfSendersHaveABound(t *testing.T) {
	to := newCodec(t)
	for range maxSenders + 10 {
		_, err := to.Decode("s", one(t, newCodec(t), "s", Message{"A", Left{"k"}}))
		require.NoError(t, err)
	}
	assert.LessOrEqual(t, len(to.keys.senders), maxSenders)
}
