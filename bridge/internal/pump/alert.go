package pump

import (
	"crypto/tls"
	"encoding/binary"
	"os"
)

// These are of records of TLS as they are sent (RFC 5246, 6.2 and RFC 8446, 5.1).
const (
	recordHeader = 5
	alertRecord  = 21 // the type of a record with an alert, up to TLS 1.2
	hiddenRecord = 23 // the type of all records in TLS 1.3
	hiddenAlert  = 19 // the length of an alert in TLS 1.3: two bytes, its type, and 16 that authenticate it
	longestAlert = 80 // the longest in TLS 1.2: 16 bytes for CBC, an HMAC of 48 bytes, and what fills a block
)

// maxAlerts is how many alerts of a client are read. Some clients send user_canceled before close_notify.
const maxAlerts = 4

// Watch implements [socket].
func (s *sealed) Watch(k key) error { return s.WatchAll(k) }

// Left implements [socket]. A client that leaves sends the alert close_notify. Mostly it closes the TCP connection too, but some
// wait for an answer first. Only records that may be an alert by their size are read, and none behind another record. So a client
// that sends much costs one look at its first bytes.
func (s *sealed) Left() bool {
	var record [recordHeader + longestAlert]byte
	for s.alerts < maxAlerts {
		n := s.Receive(record[:], true)
		if n < recordHeader {
			return false
		}
		size := recordHeader + int(binary.BigEndian.Uint16(record[3:]))
		if !s.alerted(record[0], size-recordHeader) {
			s.alerts = maxAlerts
			return false
		}
		if n < size {
			return false // the rest is on its way
		}
		s.alerts++
		if s.hears(record[:s.Receive(record[:size], false)]) {
			return true
		}
	}
	return false
}

// alerted reports whether a record of a type and length may be an alert.
func (s *sealed) alerted(kind byte, length int) bool {
	if s.conn.ConnectionState().Version == tls.VersionTLS13 {
		return kind == hiddenRecord && length == hiddenAlert
	}
	return kind == alertRecord && length <= longestAlert
}

// hears has crypto/tls read a record, and reports whether the connection is over then. After an invalid record it is over too.
func (s *sealed) hears(record []byte) bool {
	s.made.alert = record
	n, err := s.conn.Read(make([]byte, 1))
	s.made.alert, s.made.bytes = nil, s.made.bytes[:0] // nothing is left for another connection
	if n > 0 {
		s.alerts = maxAlerts // it was no alert
	}
	return err != nil && !os.IsTimeout(err)
}

// Read gives crypto/tls the record of an alert, and nothing more.
func (r *records) Read(p []byte) (int, error) {
	if len(r.alert) == 0 {
		return 0, os.ErrDeadlineExceeded // for crypto/tls, another read may follow
	}
	n := copy(p, r.alert)
	r.alert = r.alert[n:]
	return n, nil
}
