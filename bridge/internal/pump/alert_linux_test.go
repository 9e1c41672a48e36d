package pump

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// forger makes records of TLS 1.3 that crypto/tls does not send, with the keys of a client.
type forger struct {
	aead cipher.AEAD
	iv   []byte
	sent uint64 // how many records the client has sent with these keys
}

// newForger takes the keys from what a client has logged, and sent records were sent.
func newForger(t testing.TB, keys string, suite uint16, sent uint64) *forger {
	t.Helper()
	var hidden []byte
	for line := range strings.Lines(keys) {
		if word := strings.Fields(line); len(word) == 3 && word[0] == "CLIENT_TRAFFIC_SECRET_0" {
			var err error
			hidden, err = hex.DecodeString(word[2])
			require.NoError(t, err)
		}
	}
	sum, size := map[uint16]func() hash.Hash{tls.TLS_AES_128_GCM_SHA256: sha256.New, tls.TLS_AES_256_GCM_SHA384: sha512.New384}[suite],
		map[uint16]int{tls.TLS_AES_128_GCM_SHA256: 16, tls.TLS_AES_256_GCM_SHA384: 32}[suite]
	require.NotNil(t, sum, "the test knows no such suite")
	expand := func(label string, length int) []byte { // RFC 8446, 7.1
		info := binary.BigEndian.AppendUint16(nil, uint16(length))
		info = append(info, byte(len("tls13 "+label)))
		info = append(append(info, "tls13 "+label...), 0)
		out, err := hkdf.Expand(sum, hidden, string(info), length)
		require.NoError(t, err)
		return out
	}
	block, err := aes.NewCipher(expand("key", size))
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	return &forger{aead: aead, iv: expand("iv", 12), sent: sent}
}

// record returns a record with a text of a type, and padding behind it.
func (f *forger) record(kind byte, text []byte, padding int) []byte {
	inner := append(append(bytes.Clone(text), kind), make([]byte, padding)...)
	header := []byte{hiddenRecord, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(header[3:], uint16(len(inner)+f.aead.Overhead()))
	nonce := bytes.Clone(f.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^f.sent)
	f.sent++
	return f.aead.Seal(header, nonce, inner, header)
}

// The types of what is hidden in a record, and the alerts.
const (
	anAlert     = 21
	aHandshake  = 22
	data        = 23
	closeNotify = "\x01\x00"
	cancelled   = "\x01\x5a"
	keyUpdate   = "\x18\x00\x00\x01\x01"
)

// What a client sends is read only as far as it may be an alert. It never reaches another connection of the loop, and the client
// still gets its events.
func TestOfWhatAClientSendsOnlyAnAlertIsRead(t *testing.T) {
	for _, tt := range []struct {
		name string
		sent func(*forger) [][]byte // what arrives at a time
		left bool
	}{
		{name: "close_notify", sent: func(f *forger) [][]byte { return [][]byte{f.record(anAlert, []byte(closeNotify), 0)} }, left: true},
		{name: "byte by byte", sent: func(f *forger) (all [][]byte) {
			for _, b := range f.record(anAlert, []byte(closeNotify), 0) {
				all = append(all, []byte{b})
			}
			return all
		}, left: true},
		{name: "user_canceled before it", sent: func(f *forger) [][]byte {
			return [][]byte{append(f.record(anAlert, []byte(cancelled), 0), f.record(anAlert, []byte(closeNotify), 0)...)}
		}, left: true},
		{name: "a fatal alert", sent: func(f *forger) [][]byte { return [][]byte{f.record(anAlert, []byte{2, 40}, 0)} }, left: true},
		{name: "a forged alert", sent: func(*forger) [][]byte {
			return [][]byte{append([]byte{hiddenRecord, 3, 3, 0, hiddenAlert}, make([]byte, hiddenAlert)...)}
		}, left: true},
		{name: "user_canceled without end", sent: func(f *forger) (all [][]byte) {
			for range 100 {
				all = append(all, f.record(anAlert, []byte(cancelled), 0))
			}
			return append(all, f.record(anAlert, []byte(closeNotify), 0))
		}},
		{name: "a key update before it", sent: func(f *forger) [][]byte {
			return [][]byte{f.record(aHandshake, []byte(keyUpdate), 0), f.record(anAlert, []byte(closeNotify), 0)}
		}},
		{name: "data of the same size", sent: func(f *forger) [][]byte {
			return [][]byte{f.record(data, []byte("\r\n"), 0), f.record(anAlert, []byte(closeNotify), 0)}
		}},
		{name: "half a key update of the same size", sent: func(f *forger) [][]byte {
			return [][]byte{f.record(aHandshake, []byte(keyUpdate)[:2], 0)}
		}},
		{name: "an empty record of the same size", sent: func(f *forger) [][]byte { return [][]byte{f.record(data, nil, 2)} }},
		{name: "a request", sent: func(f *forger) [][]byte { return [][]byte{f.record(data, []byte("GET / HTTP/1.1\r\n\r\n"), 0)} }},
		{name: "an alert without a seal", sent: func(*forger) [][]byte { return [][]byte{{alertRecord, 3, 3, 0, 2, 1, 0}} }},
		{name: "half a header", sent: func(*forger) [][]byte { return [][]byte{{hiddenRecord, 3, 3}} }},
		{name: "half an alert", sent: func(f *forger) [][]byte { return [][]byte{f.record(anAlert, []byte(closeNotify), 0)[:20]} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var keys strings.Builder
			s, raw, reader := sealedWith(t, &tls.Config{KeyLogWriter: &keys})
			left := false
			for _, p := range tt.sent(newForger(t, keys.String(), reader.ConnectionState().CipherSuite, 1)) {
				require.False(t, left, "not before the last")
				raw.sent = append(raw.sent, p...)
				left = s.Left()
			}
			assert.Equal(t, tt.left, left)
			assert.Empty(t, s.made.alert)
			assert.Empty(t, s.made.bytes)
			if left {
				return
			}
			n, pending, err := s.Write([][]byte{[]byte("data: 1\n\n")}, true)
			require.NoError(t, err)
			assert.Equal(t, 9, n)
			assert.False(t, pending)
			reader.NetConn().(*switched).from = strings.NewReader(raw.text())
			got := make([]byte, 9)
			_, err = reader.Read(got)
			require.NoError(t, err)
			assert.Equal(t, "data: 1\n\n", string(got))
		})
	}
}

func TestAnAlertOfEveryCipherIsRead(t *testing.T) {
	for _, suite := range tls.CipherSuites() {
		for _, version := range suite.SupportedVersions {
			config := &tls.Config{MaxVersion: version, CipherSuites: []uint16{suite.ID}}
			if version != tls.VersionTLS12 && version != tls.VersionTLS13 || strings.Contains(suite.Name, "ECDSA") {
				continue // the certificate is one for RSA
			}
			t.Run(suite.Name, func(t *testing.T) {
				s, raw, reader := sealedWith(t, config)
				assert.False(t, s.Left(), "nothing has come")
				require.NoError(t, reader.CloseWrite())
				require.NotEmpty(t, raw.sent)
				assert.True(t, s.Left())
				assert.Empty(t, raw.sent)
			})
		}
	}
}

// A client may say over TLS that it leaves, and keep the TCP connection.
func TestOverTheWireAGoodbyeIsNoticed(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			s := newParkingSite(t, true, Writing{})
			s.secure.MaxVersion = version
			s.topic()
			stays := s.visit(t, 0)
			v := s.visit(t, 0)
			v.read(t, ":\n")
			require.NoError(t, v.secured.CloseWrite())
			out := s.outcome(t)
			assert.Equal(t, ending.ByGone, out.Reason)
			assert.NoError(t, out.Err)
			require.NoError(t, v.SetReadDeadline(time.Now().Add(20*time.Second)))
			_, err := v.TCPConn.Read(make([]byte, 1))
			assert.Error(t, err, "the bridge closes the connection")
			stays.read(t, ":\n")
			assert.Empty(t, s.outcomes)
		})
	}
}
