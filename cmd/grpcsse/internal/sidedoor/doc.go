// Package sidedoor runs the HTTP servers of the program that are not for the public: health and administration. They have tight
// limits, so that what reaches them can cost little.
package sidedoor
