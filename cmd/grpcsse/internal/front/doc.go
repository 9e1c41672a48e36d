// Package front is the public listener of the program: it accepts connections within the bounds of the process, serves HTTP on
// them, and ends in good order.
package front
