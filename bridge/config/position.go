package config

// source remembers where a value stood in its file.
type source struct{}
