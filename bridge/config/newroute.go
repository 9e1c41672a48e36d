package config

// New returns a configuration without a file and without upstreams. It has the given routes, and the default of every other
// setting. It is for programs whose streams come from Go code.
func New(routes ...*Route) *Config {
	defaults := defaultRoute()
	defaults.source = source{path: "defaults"}
	return &Config{Server: defaultServer(), Defaults: defaults, Routes: routes}
}

// NewRoute returns a route for a path, which is a google.api.http template such as "/quotes/{symbol}". Every other setting has the
// default that it has in a file. Change the settings before the route is used:
//
//	quotes := config.NewRoute("/quotes/{symbol}")
//	quotes.Event.ID = "sequence"
//	quotes.Request.Set = []config.Setting{{Field: "after_sequence", Value: config.Reference(config.LastEventID)}}
//
// Each connection has its own upstream stream, unless the route has a Share:
//
//	quotes.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatestBy, Field: "symbol"})
//
// The path is not checked here: [Route.Validate] does that.
func NewRoute(path string) *Route {
	r := defaultRoute()
	r.Name, r.Path = path, path
	r.source = source{path: "routes[" + quote(path) + "]"}
	return r
}

// Literal returns the template of plain text. A dollar in it is a dollar.
func Literal(text string) Template {
	return Template{{Text: text}}.joined()
}

// Reference returns the template of one reference, by the name that a file has in braces: [LastEventID],
// "header.x-user", "path.symbol", "query.q", "cookie.session" or "claim.sub". [Route.Validate] reports any other name.
func Reference(name string) Template {
	return Template{{Ref: name}}
}
