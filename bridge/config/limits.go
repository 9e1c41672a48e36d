package config

// UpstreamLimits bound the streams of an upstream. A stream over one of the limits is turned away at once.
type UpstreamLimits struct {
	// Streams bounds how many streams are open at the upstream; 0, the default, is any number. A shared stream counts once, also
	// while it lingers.
	Streams int
	// Waiting bounds how many streams wait for a place, because the server allows no more on its connections; 1,000 by default,
	// and at least 1.
	Waiting int
}

// RouteLimits bound the streams that clients have open on one route. 0 is any number, which is the default.
type RouteLimits struct {
	// Streams bounds the streams of all clients.
	Streams int
	// StreamsPerClient bounds the streams of one client address. An IPv6 address counts by its first 64 bits.
	StreamsPerClient int
}

// limitKeys are the keys of the section `server.limits`.
func (d *decoder) limitKeys(s *Server) []field {
	return []field{
		key("streams", "Open streams in all. auto is 80 % of the file descriptors.", &s.Streams, d.countOrWord(auto)),
		key("connections", "Open connections of clients. auto is what the file descriptors allow.", &s.Connections, d.countOrWord(auto)),
		key("streams_per_client", "Open streams of one client address. IPv6 addresses count by their first 64 bits.",
			&s.StreamsPerClient, d.countOrWord(unlimited)),
		key("streams_per_subject", "Open streams of one subject of tokens, from all addresses.", &s.StreamsPerSubject, d.countOrWord(unlimited)),
		key("opens_per_client", "How often one client address may ask for a stream.", &s.OpensPerClient, d.rateOr(unlimited)),
		key("shared_streams", "Shared streams at once.", &s.SharedStreams, d.count()),
		key("replay_bytes", "What the logs of all shared streams hold together.", &s.ReplayBytes, sizes(d.size)),
		key("queue_bytes", "What waits for the clients of streams that are not shared. Above it, the streams that waited longest are ended.",
			&s.QueueBytes, sizes(d.size)),
		key("request_bytes", "The largest header and body of a request.", &s.RequestBytes, sizes(d.size)),
	}
}

// upstreamLimitKeys are the keys of the section `limits` of an upstream.
func (d *decoder) upstreamLimitKeys(l *UpstreamLimits) []field {
	return []field{
		key("streams", "Streams that are open at the upstream. A shared stream counts once.", &l.Streams, d.countOrWord(unlimited)),
		key("waiting", "Streams that wait for a place on the connections.", &l.Waiting, d.count()),
	}
}

// routeLimitKeys are the keys of the section `limits` of a route.
func (d *decoder) routeLimitKeys(l *RouteLimits) []field {
	return []field{
		key("streams", "Open streams of all clients.", &l.Streams, d.countOrWord(unlimited)),
		key("streams_per_client", "Open streams of one client address.", &l.StreamsPerClient, d.countOrWord(unlimited)),
	}
}

// checkLimits refuses a limit that another limit makes useless.
func (s *sections) checkLimits(server *Server) {
	const within = "server.limits."
	s.checkWithin(s.root, within+"streams_per_client", server.StreamsPerClient, within+"streams", server.Streams)
	s.checkWithin(s.root, within+"streams_per_subject", server.StreamsPerSubject, within+"streams", server.Streams)
	for _, r := range s.allRoutes {
		l := r.Limits
		if !s.checkWithin(r.node, "limits.streams_per_client", l.StreamsPerClient, "limits.streams", l.Streams) {
			s.checkWithin(r.node, "limits.streams_per_client", l.StreamsPerClient, within+"streams_per_client", server.StreamsPerClient)
		}
		s.checkWithin(r.node, "limits.streams", l.Streams, within+"streams", server.Streams)
		if r.Share == nil && r.MaxEventBytes > server.QueueBytes {
			s.warnOf(r, "max_event_bytes", "", "one event may have %v, but everything that waits for clients together %v: see `server.limits.queue_bytes`",
				r.MaxEventBytes, server.QueueBytes)
		}
	}
}

// checkWithin refuses a limit that is above another one, which would always be reached before. It reports whether it refused the
// limit. 0 is no limit.
func (s *sections) checkWithin(section *node, key string, most int, other string, otherMost int) (refused bool) {
	if most == 0 || otherMost == 0 || most <= otherMost {
		return false
	}
	n, found := section.find(key)
	if !found { // the limit is not that of the file
		return false
	}
	s.problem(n, "", "expected at most %d, which is `%s`, found %s: the other limit is always reached before", otherMost, other, n.found())
	return true
}
