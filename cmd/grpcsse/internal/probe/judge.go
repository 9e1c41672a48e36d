package probe

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// header judges the header of the answer.
func (p *prober) header(first *look) {
	contentType := first.header("Content-Type")
	_, parameters, _ := mime.ParseMediaType(contentType)
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		p.report.add(Fault, "content-type", "Chromium refuses any charset but utf-8.", "%s", contentType)
	} else {
		p.report.add(OK, "content-type", "", "%s", contentType)
	}
	control := strings.ToLower(first.header("Cache-Control"))
	switch {
	case strings.Contains(control, "no-store"), strings.Contains(control, "no-cache"):
		p.report.add(OK, "cache", "", "Cache-Control: %s", control)
	default:
		p.report.add(Warning, "cache", "A cache on the way may keep the stream. Send Cache-Control: no-store.",
			"Cache-Control: %s", orNone(control))
	}
	if sniff := first.header("X-Content-Type-Options"); sniff == "" {
		p.report.add(Note, "nosniff", "An EventSource does not need it. It keeps a browser that opens the URL from guessing a type.",
			"no X-Content-Type-Options")
	} else {
		p.report.add(OK, "nosniff", "", "X-Content-Type-Options: %s", sniff)
	}
	const late = 3 * time.Second
	if first.answered > late {
		p.report.add(Warning, "open", "onopen comes as late. Send the header at once, with a comment behind it.",
			"the header came after %v", rounded(first.answered))
		return
	}
	p.report.add(OK, "open", "", "the header came after %v", rounded(first.answered))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

const bufferingMeans = "Events reach the page late and in lumps. "

// transport judges whether something on the way holds bytes back.
func (p *prober) transport(first *look) {
	name := proxyOf(first.response.Header)
	means := bufferingMeans + remedy(name)
	by := ""
	if name != "" {
		by = ", behind " + name
	}
	allAtOnce := first.ended && len(first.events) >= 2 && first.lasted >= time.Second && first.lasted-first.first < pause
	switch {
	case first.response.ContentLength >= 0:
		p.report.add(Fault, "buffering", means, "the whole stream was collected first: Content-Length is %d%s",
			first.response.ContentLength, by)
	case first.cuts >= 3 && 2*first.cuts >= first.pauses:
		p.report.add(Fault, "buffering", means, "a buffer on the way fills up first: %d of %d pauses are in the middle of an event%s",
			first.cuts, first.pauses, by)
	case first.clumps >= 2 && 2*first.clumps > first.beats:
		p.report.add(Fault, "buffering", means, "several heartbeats came at once%s", by)
	case allAtOnce && name != "":
		p.report.add(Fault, "buffering", means, "all %d events came at once with the end, after %v%s",
			len(first.events), rounded(first.first), by)
	case allAtOnce, first.bursts >= 3 && 2*first.bursts > first.pauses:
		p.report.add(Warning, "buffering",
			"Does the server send its events so? If not, something on the way collects them. "+remedy(name),
			"events come in lumps%s", by)
	case first.pauses == 0 && len(first.events) == 0:
		p.report.add(Note, "buffering",
			"A quiet stream does not show whether something on the way collects events.", "not judged%s", by)
	default:
		p.report.add(OK, "buffering", "", "bytes arrive in whole events%s", by)
	}
}

// proxyOf returns what the answer says about a proxy on the way, or nothing.
func proxyOf(header http.Header) string {
	for _, name := range []string{"Server", "Via"} {
		value := strings.ToLower(header.Get(name))
		for _, proxy := range []string{
			"nginx", "openresty", "envoy", "caddy", "haproxy", "apache", "varnish", "cloudflare",
			"cloudfront", "awselb", "google frontend",
			"litespeed", "traefik", "squid",
		} {
			if strings.Contains(value, proxy) {
				return proxy
			}
		}
	}
	if via := header.Get("Via"); via != "" {
		return "a proxy (" + via + ")"
	}
	return ""
}

// remedy says what cures buffering in a proxy.
func remedy(proxy string) string {
	switch proxy {
	case "nginx", "openresty":
		return "For nginx: proxy_buffering off, or X-Accel-Buffering: no from the server, unless proxy_ignore_headers has it ignored."
	case "apache":
		return "For Apache: flushpackets=on in ProxyPass, and no mod_deflate for the stream."
	}
	return "Look for a proxy, or a middleware of the server, that buffers or compresses."
}

// silence judges whether a quiet stream shows that it is alive.
func (p *prober) silence(first *look) {
	switch {
	case first.silence >= p.Silence:
		p.report.add(Fault, "heartbeat", "Proxies end a quiet stream, often after 30 to 60 s, and nobody notices a dead connection. "+
			"Send a comment (\":\") every 15 s.", "no byte for %v", rounded(first.silence))
	case first.beats > 0:
		p.report.add(OK, "heartbeat", "", "a comment at least every %v", rounded(first.silence))
	case len(first.events) > 0 && !first.ended && first.lasted < p.Silence:
		p.report.add(Note, "heartbeat",
			"Only a quiet stream shows its heartbeat. --for and --silence say how long is waited for one.",
			"not judged: the longest silence was %v", rounded(first.silence))
	default:
		p.report.add(Note, "heartbeat", "Only a quiet stream shows its heartbeat.", "not judged: the longest silence was %v",
			rounded(first.silence))
	}
}

// content judges what stands in the stream.
func (p *prober) content(first *look) {
	p.retry(first)
	p.names(first)
	if unknown := first.parser.Unknown(); len(unknown) > 0 {
		p.report.add(Warning, "lines",
			"EventSource ignores lines with other fields than data, event, id and retry, in small letters.",
			"unknown fields, for example %q", unknown[0])
	}
	if first.dataless > 0 {
		p.report.add(Warning, "lines", "EventSource gives no event to the page for a block without data.", "%s without data",
			plural(first.dataless, "block"))
	}
	if first.parser.Repaired() {
		p.report.add(Warning, "lines", "A page sees U+FFFD in their place.", "bytes that are no UTF-8")
	}
	if first.err != nil {
		p.report.add(Fault, "lines", "EventSource reconnects, or runs out of memory.", "%v", first.err)
	}
}

// retry judges the time after which browsers come back.
func (p *prober) retry(first *look) {
	retry, has := first.parser.Retry()
	const least, most = 500 * time.Millisecond, time.Minute
	switch {
	case !has:
		p.report.add(Note, "retry",
			"A browser comes back after a time of its own, 3 to 5 s. All that were cut off together come together.",
			"no retry:")
	case retry < least:
		p.report.add(Warning, "retry",
			"After an end, each browser sends so many requests.", "retry: %d, which is up to %d requests a second",
			retry.Milliseconds(), time.Second/max(retry, 5*time.Millisecond))
	case retry > most:
		p.report.add(Warning, "retry",
			"After an end, a page waits for so long.", "retry: %d, which is %v", retry.Milliseconds(), retry)
	default:
		p.report.add(OK, "retry", "", "retry: %d", retry.Milliseconds())
	}
}

// names judges the names of events.
func (p *prober) names(first *look) {
	if len(first.events) == 0 {
		p.report.add(Note, "events", "", "none")
		return
	}
	var named []string
	for name := range first.names {
		if name != "" && name != "message" && !strings.HasPrefix(name, "grpc-") {
			named = append(named, fmt.Sprintf("%q", name))
		}
	}
	slices.Sort(named)
	meaning := ""
	if len(named) > 0 {
		meaning = "Only addEventListener gets events with a name, and onmessage does not."
		if len(named) > 5 {
			named = append(named[:5], "…")
		}
	}
	found := plural(len(first.events), "event")
	if len(named) > 0 {
		found += ", with the names " + strings.Join(named, ", ")
	}
	p.report.add(OK, "events", meaning, "%s in %v", found, rounded(first.lasted))
	for _, name := range []string{"error", "open"} {
		if first.names[name] {
			p.report.add(Fault, "events",
				"It reaches on"+name+", where pages take it for one about the connection.", "the name %q", name)
		}
	}
}

// origin judges whether a page of the origin may read the stream.
func (p *prober) origin(first *look) {
	if p.Origin == "" {
		return
	}
	allowed := first.response.Header.Values("Access-Control-Allow-Origin")
	switch {
	case len(allowed) == 1 && allowed[0] == p.Origin:
		with := "without"
		if first.header("Access-Control-Allow-Credentials") == "true" {
			with = "with"
		}
		p.report.add(OK, "cors", "", "%s is allowed, %s credentials", p.Origin, with)
	case len(allowed) == 1 && allowed[0] == "*":
		p.report.add(OK, "cors", "An EventSource with withCredentials is refused.", "every origin is allowed, without credentials")
	default:
		p.report.add(Fault, "cors", "EventSource stops for ever in a page of "+p.Origin+".",
			"Access-Control-Allow-Origin: %s", orNone(strings.Join(allowed, ", ")))
	}
}
