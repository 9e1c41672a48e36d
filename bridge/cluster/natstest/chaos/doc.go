// Package chaos breaks a cluster of three bridges and three servers of NATS in every way, while clients with ledgers go from
// bridge to bridge. It has tests only.
package chaos
