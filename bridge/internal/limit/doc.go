// Package limit counts what clients have open and how often they come.
//
//   - [Counts] counts what is open, by key. Several counts are taken together or not at all.
//   - [Rates] bounds how often something may happen for each key.
//   - [Client] is the key of a client's address.
//
// The package knows neither HTTP nor the configuration: a key is any comparable value, and each call says how much is allowed.
// The memory is bounded: a key with nothing open takes none, and Rates forgets keys that have come seldom.
package limit
