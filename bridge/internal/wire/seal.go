package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// MinSecret is the least size of a secret in bytes.
const MinSecret = 32

// maxSenders bounds how many ciphers of other processes are kept.
const maxSenders = 256

// keys are what is derived from the secret of a cluster, by HKDF with SHA-256 (RFC 5869). The name of the cluster is the
// salt, so that clusters with one secret do not have the same keys.
//
// Each process seals with a key of its own, which is derived from a random text. So the numbers of its pieces can be the
// nonces of AES-GCM: no process uses a number twice. The subject is authenticated with each piece.
type keys struct {
	root  []byte
	names []byte
	id    [keyBytes]byte // says which secret it is, and nothing about the secret
	seal  bool

	mu      sync.RWMutex
	senders map[[senderBytes]byte]cipher.AEAD // of those whose pieces were authentic
}

func newKeys(s Settings) (*keys, error) {
	if len(s.Secret) < MinSecret {
		return nil, fmt.Errorf("cluster: expected a secret of at least %d bytes, found %d", MinSecret, len(s.Secret))
	}
	root, err := hkdf.Extract(sha256.New, s.Secret, []byte("grpcsse cluster "+s.Name))
	if err != nil {
		return nil, fmt.Errorf("cluster: deriving keys: %w", err)
	}
	k := &keys{root: root, seal: s.Seal, senders: map[[senderBytes]byte]cipher.AEAD{}}
	if k.names, err = k.derive("names", sha256.Size); err != nil {
		return nil, err
	}
	id, err := k.derive("id", keyBytes)
	copy(k.id[:], id)
	return k, err
}

func (k *keys) derive(purpose string, size int) ([]byte, error) {
	key, err := hkdf.Expand(sha256.New, k.root, purpose, size)
	if err != nil {
		return nil, fmt.Errorf("cluster: deriving keys: %w", err)
	}
	return key, nil
}

// base32Lower has no padding, and no upper case, which would look like another name to a person.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// name returns 128 bits of an HMAC of a key. Without the secret, a reader of names cannot try keys.
func (k *keys) name(key string) string {
	mac := hmac.New(sha256.New, k.names)
	mac.Write([]byte(key))
	return base32Lower.EncodeToString(mac.Sum(nil)[:16])
}

// cipherOf returns the cipher of a process.
func (k *keys) cipherOf(sender [senderBytes]byte) (cipher.AEAD, error) {
	k.mu.RLock()
	aead := k.senders[sender]
	k.mu.RUnlock()
	if aead != nil {
		return aead, nil
	}
	key, err := k.derive("seal "+string(sender[:]), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return cipher.NewGCM(block)
}

// remember keeps the cipher of a process that has shown that it knows the secret.
func (k *keys) remember(sender [senderBytes]byte, aead cipher.AEAD) {
	k.mu.RLock()
	_, known := k.senders[sender]
	k.mu.RUnlock()
	if known {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.senders) >= maxSenders {
		clear(k.senders) // the ciphers of the processes that are still there are made again
	}
	k.senders[sender] = aead
}

// sender is a process that sends pieces.
type sender struct {
	name   [senderBytes]byte
	aead   cipher.AEAD
	number atomic.Uint64 // of the next piece
}

func (k *keys) newSender() (*sender, error) {
	s := &sender{}
	rand.Read(s.name[:]) // never fails
	var err error
	s.aead, err = k.cipherOf(s.name)
	return s, err
}

// numbers returns the first of n numbers that no other piece has.
func (s *sender) numbers(n uint64) uint64 { return s.number.Add(n) - n }

// seal completes a piece whose first bytes are kept for the header. It may write to the rest of the piece's capacity.
func (c *Codec) seal(piece []byte, subject string, number uint64, part bool) []byte {
	h := header{sealed: c.keys.seal, part: part, sender: c.own.name, number: number, sent: time.Now().UnixNano()}
	if !h.sealed {
		h.put(piece)
		return piece
	}
	h.key = c.keys.id
	h.put(piece)
	return c.own.aead.Seal(piece[:headerBytes], h.nonce(), piece[headerBytes:], bound(piece[:headerBytes], subject))
}

// open returns the header of a piece and what is behind it.
func (c *Codec) open(subject string, piece []byte) (h header, body []byte, err error) {
	h, err = readHeader(piece)
	switch {
	case err != nil:
		return h, nil, err
	case h.sealed != c.keys.seal:
		return h, nil, fmt.Errorf("%w: this replica: %t, the other one: %t", ErrSeal, c.keys.seal, h.sealed)
	case !h.sealed:
		return h, piece[headerBytes:], nil
	case h.key != c.keys.id:
		return h, nil, ErrSecret
	}
	aead, err := c.keys.cipherOf(h.sender)
	if err != nil {
		return h, nil, err
	}
	body, err = aead.Open(nil, h.nonce(), piece[headerBytes:], bound(piece[:headerBytes], subject))
	if err != nil {
		return h, nil, ErrTampered
	}
	c.keys.remember(h.sender, aead)
	return h, body, nil
}

func (h *header) nonce() []byte {
	nonce := make([]byte, 4, 12)
	return binary.BigEndian.AppendUint64(nonce, h.number)
}

// bound returns what is authenticated beside the message: the header and the subject.
func bound(header []byte, subject string) []byte {
	return append(append(make([]byte, 0, len(header)+len(subject)), header...), subject...)
}
