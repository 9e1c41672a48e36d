// Package request reads what an HTTP request says: the cursor that the client presents, the format that it accepts, the origin of
// the page behind it, the headers and cookies that a configuration refers to, and the body. It knows HTTP and the names of the
// parameters, and no routes: what a request means for a route is decided where the route is.
package request
