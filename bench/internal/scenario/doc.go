// Package scenario is what is measured, and how: the [Catalogue], and the one run of one contender that everything is made
// of. A run has processes of its own: the upstream, the candidate and the crowd.
package scenario
