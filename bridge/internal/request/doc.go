// Package request reads what an HTTP request says: the cursor that the client presents, the format that it accepts, the
// origin of the page behind it, the headers and cookies to which a configuration refers, and the body.
//
// The package knows HTTP and the names of the cursor's parameters. It knows no routes: what a request means for a route is
// decided outside.
package request
