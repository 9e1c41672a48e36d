package config

// Problem is one thing that is wrong in a configuration file.
type Problem struct {
	File         string
	Line, Column int
	Path         string
	Message      string
	Hint         string
	Warning      bool
}

// Problems are all that is wrong, sorted by position.
type Problems []*Problem
