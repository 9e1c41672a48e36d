// Package auth says who a caller is, and whether the caller may read the streams of a route. A caller presents a signed token
// (JSON Web Token), or credentials about which an HTTP endpoint decides. The program may have a check of its own in addition.
//
// The package holds the keys of the issuers of tokens. It fetches them in the background, and never because of one request
// alone: a token with an unknown key causes a fetch, but not more often than a pace allows.
package auth
