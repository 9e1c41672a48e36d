package openapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// security returns the ways in which a caller of a route can show who it is. Each of them is enough. The schemes say in which place of a
// request a credential stands, and nothing of who checks it.
func (b *builder) security(r contract.Route) (ways []requirement) {
	add := func(name string, s securityScheme) {
		ways = append(ways, requirement{b.scheme(name, s): {}})
	}
	jwt, ask := b.api.Auth.Of(r.Config)
	switch {
	case jwt != nil:
		for _, from := range jwt.From {
			switch from.In {
			case config.InHeader:
				add("bearer", securityScheme{Type: "http", Scheme: "bearer", BearerFormat: "JWT"})
			case config.InCookie:
				add("cookie-"+from.Name, securityScheme{
					Type: "apiKey", In: "cookie", Name: from.Name, Description: "A JWT in a cookie.",
				})
			case config.InQuery:
				add("query-"+from.Name, securityScheme{
					Type: "apiKey", In: "query", Name: from.Name,
					Description: "A JWT in the URL, for a client that can set no header. It is kept out of the logs of the bridge.",
				})
			}
		}
	case ask != nil:
		for _, name := range ask.Forward {
			add(headerScheme(name))
		}
	default:
		return b.forwarded(r)
	}
	return ways
}

// forwarded returns the security of a route that anybody may read, and whose gRPC server gets the header Authorization.
func (b *builder) forwarded(r contract.Route) []requirement {
	const name = "authorization"
	at := slices.IndexFunc(r.Headers, func(p contract.Parameter) bool { return p.Name == name })
	if at < 0 {
		return nil
	}
	way := requirement{b.scheme(headerScheme(name)): {}}
	if r.Headers[at].Required {
		return []requirement{way}
	}
	return []requirement{{}, way}
}

// headerScheme returns the name and the scheme of a credential in a header.
func headerScheme(name string) (string, securityScheme) {
	switch name {
	case "authorization":
		return name, securityScheme{Type: "apiKey", In: "header", Name: "Authorization", Description: "The whole value of the header."}
	case "cookie":
		return name, securityScheme{Type: "apiKey", In: "header", Name: "Cookie", Description: "The cookies of the site. A browser sends them by itself."}
	}
	return "header-" + name, securityScheme{Type: "apiKey", In: "header", Name: name}
}

// scheme adds a security scheme, and returns the name of the component.
func (b *builder) scheme(name string, s securityScheme) string {
	name = strings.Map(func(r rune) rune {
		if isLetter(r) || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, name)
	unique := name
	for n := 2; b.schemes[unique] != nil && *b.schemes[unique] != s; n++ {
		unique = name + "-" + strconv.Itoa(n)
	}
	b.schemes[unique] = &s
	return unique
}
