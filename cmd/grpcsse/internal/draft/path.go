package draft

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// assignPaths gives each route a path of its own: /quotes for WatchQuotes, /market/quotes where two services have such a method,
// and /demo.market.v1.MarketService/WatchQuotes where even this is not enough. A variable follows where there is one. Paths of the
// three forms differ: the first has one segment, and the third has capitals or dots, unless it is also the second of its method.
// A path that a rule has is left to it.
func assignPaths(routes []*route) {
	candidates := []func(protoreflect.MethodDescriptor) string{shortPath, servicePath}
	taken := map[string]bool{}
	var left []*route
	for _, r := range routes {
		if r.path != "" {
			taken[shapeOf(r.path)] = true
		} else {
			left = append(left, r)
		}
	}
	for _, candidate := range candidates {
		count := map[string]int{}
		for _, r := range left {
			count[candidate(r.info.Method)]++
		}
		var next []*route
		for _, r := range left {
			path := candidate(r.info.Method)
			if path == "" || count[path] > 1 || taken[shapeOf(path+r.suffix())] {
				next = append(next, r)
				continue
			}
			r.path = path + r.suffix()
		}
		left = next
	}
	for _, r := range left {
		r.path = fullPath(r.info.Method) + r.suffix()
		for n := 2; taken[shapeOf(r.path)]; n++ {
			r.path = fmt.Sprintf("%s/%d%s", fullPath(r.info.Method), n, r.suffix())
		}
	}
}

// suffix returns the variables of a path that is made of names.
func (r *route) suffix() (suffix string) {
	for _, v := range r.variables {
		suffix += "/{" + v.Name + "}"
	}
	return suffix
}

func fullPath(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// shortPath returns a path of what the method streams, or of its service where the method is only a verb. It is "" where the names
// have no letters.
func shortPath(m protoreflect.MethodDescriptor) string {
	if noun := nounOf(m); len(noun) > 0 {
		return "/" + strings.Join(noun, "-")
	}
	if service := serviceWords(m); len(service) > 0 {
		return "/" + strings.Join(service, "-")
	}
	return ""
}

// servicePath returns a path of the service and the method.
func servicePath(m protoreflect.MethodDescriptor) string {
	service, method := serviceWords(m), wordsOf(string(m.Name()))
	if len(service) == 0 || len(method) == 0 {
		return ""
	}
	if noun := nounOf(m); len(noun) > 0 {
		method = noun
	}
	return "/" + strings.Join(service, "-") + "/" + strings.Join(method, "-")
}

// nounOf returns the words of a method's name without a verb that only says that it streams.
func nounOf(m protoreflect.MethodDescriptor) []string {
	words := wordsOf(string(m.Name()))
	verbs := []string{"watch", "stream", "subscribe", "listen", "tail", "follow", "observe", "monitor"}
	if len(words) > 0 && slices.Contains(verbs, words[0]) {
		words = words[1:]
		if len(words) > 0 && (words[0] == "to" || words[0] == "for") {
			words = words[1:]
		}
	}
	return words
}

// serviceWords returns the words of a service's name without "service" and "api".
func serviceWords(m protoreflect.MethodDescriptor) []string {
	words := wordsOf(string(m.Parent().Name()))
	for len(words) > 1 && slices.Contains([]string{"service", "api"}, words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	return words
}

// wordsOf splits a name such as WatchHTTPLogs or watch_http_logs into words in lower case.
func wordsOf(name string) (words []string) {
	runes := []rune(name)
	begin := 0
	cut := func(end int) {
		if end > begin {
			words = append(words, strings.ToLower(string(runes[begin:end])))
		}
		begin = end
	}
	for i, r := range runes {
		switch {
		case r == '_':
			cut(i)
			begin = i + 1
		case i == 0 || !unicode.IsUpper(r):
		case !unicode.IsUpper(runes[i-1]), i+1 < len(runes) && unicode.IsLower(runes[i+1]):
			cut(i)
		}
	}
	cut(len(runes))
	return words
}
