// Package config reads the configuration file of grpcsse: the YAML file that maps HTTP paths onto server-streaming gRPC
// methods.
//
//	upstreams:
//	  market: {target: "localhost:50051"}
//
//	routes:
//	  - path: /quotes/{symbol}
//	    rpc: demo.market.v1.MarketService/WatchQuotes
//
// [Load] reads a file and the files that it includes, fills in the environment and the defaults, and checks what the files alone
// show. Each mistake is a [Problem] with its file, line and column. All mistakes come back at once, as [Problems], and
// [Problem.Render] shows one to a person. A check that needs a schema is made elsewhere: [Route.Problem] and
// [Upstream.Problem] give its mistakes a position too.
//
// The steps are files of this package, in this order. document.go parses YAML into yaml.v4 nodes. tree.go turns those into nodes
// of this package, without anchors, tags and duplicate keys, and reference.go fills in the environment. include.go reads more
// files, and merge.go lays routes over `defaults`. The keys of the file are one tree, described in keys.go and filled in by the
// files that are named after sections. The loader, the way back from Go structs to a file (validate.go) and the JSON Schema (form.go,
// rules.go) all follow from that tree. format.go, scalar.go and word.go read single values into the types of types.go.
// sections.go, bindings.go and resuming.go check what concerns several values.
//
// # Rules of the format
//
// An unknown key is a problem, and so is a key that is given twice. A key without a value is a problem too, but a section (a
// mapping or a list) without a value counts as left out.
// Durations are written as Go writes them ("15s"), sizes in bytes or with KiB, MiB or GiB. Relative paths start at the file that
// names them. Anchors, aliases, merge keys, tags and second documents are refused: `defaults` and `include` serve instead.
//
// ${env.NAME} is filled in when the file is read, in every value; ${env.NAME:-default} has a default for a variable that
// is unset or empty. $$ is a dollar. Other references are filled in for each request. They are allowed in `request.set` and
// `metadata.set` only:
//
//	${last_event_id}   the cursor with which a browser resumes; without a cursor, the setting is left out
//	${path.symbol}     a variable of the route's path
//	${query.q}         a query parameter
//	${header.x-foo}    a request header
//	${cookie.s}        a cookie
//
// Each may have a default, as in ${query.q:-news}. A request that has no value for a reference without a default is refused.
//
// No problem shows a value of the environment, or of a file that a `*_file` key names.
package config
