// Package sseclient opens streams as a browser's EventSource does, from a server that may be wrong or hostile: what it
// keeps of an answer is bounded. Whoever prints a text of the server makes it printable first.
package sseclient
