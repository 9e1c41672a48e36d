package ending

// Resumed says how a client's stream began, given the id that the client came with.
type Resumed struct {
	From ResumedFrom
	// Reset is why the stream did not go on after the id. It is [NoReset] unless From is [ResumedNowhere].
	Reset Reset
}

// ResumedFrom says where the events come from that follow the id of a client.
type ResumedFrom uint8

// These are all places.
const (
	ResumedNot          ResumedFrom = iota // the client came without an id, or the route has no use for one
	ResumedFromUpstream                    // a stream of the client's own, which was opened with the id
	ResumedFromLog                         // the log of a shared stream
	ResumedFromCatchUp                     // a short stream beside a shared one
	ResumedNowhere                         // the client was told a reset
)

// String returns the word for the access log and for metrics: "none", "upstream", "log", "catch_up" or "reset".
func (f ResumedFrom) String() string {
	return [...]string{"none", "upstream", "log", "catch_up", "reset"}[f]
}

// ByReset returns the Resumed of a client that is told a reset.
func ByReset(why Reset) Resumed { return Resumed{ResumedNowhere, why} }
