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
// [Load] reads a file and what it includes, fills in the environment and the defaults, and checks all that the file
// alone shows. What is wrong is a [Problem], with its file, line and column; all of them come back at once, as
// [Problems], and [Problem.Render] shows one to a person. What only a live schema shows wrong is found by whoever has
// the schema: [Route.Problem] gives it a position too.
//
// The steps are files of this package, in this order: document.go parses YAML into yaml.v4 nodes; tree.go turns those
// into nodes of our own, without anchors, tags and duplicate keys, and reference.go fills in the environment; include.go
// reads more files; merge.go lays routes over `defaults`; decode.go, scalar.go and the files named after sections turn
// nodes into the types of types.go; sections.go, bindings.go and resuming.go check what concerns several values. Keys whose function
// is still to come are listed in support.go.
//
// # Rules of the format
//
// A key is known or it is a problem; the same goes for a key given twice. A key without a value is a problem as
// well, but a section (a mapping or a list) without one counts as left out.
// Durations are written as Go writes them ("15s"), sizes in bytes or with KiB, MiB or GiB. Relative paths begin at the
// file that names them. Anchors, aliases, merge keys, tags and second documents are refused: `defaults` and `include`
// are the ways to say something once.
//
// ${env.NAME} is filled in when the file is read, in every value; ${env.NAME:-default} has a default for a variable that
// is unset or empty. $$ is a dollar. Other references are filled in for each request, and stand in `request.set` and
// `metadata.set` only:
//
//	${last_event_id}   the cursor with which a browser resumes; what it is for stays unset where there is none
//	${path.symbol}     a variable of the route's path
//	${query.q}         a query parameter
//	${header.x-foo}    a request header
//	${cookie.s}        a cookie
//
// Each may have a default, as in ${query.q:-news}. One without a value and without a default refuses the request.
//
// Values of the environment, and of files that `*_file` keys name, appear in no problem.
package config
