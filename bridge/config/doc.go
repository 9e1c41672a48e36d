// Package config reads the configuration file of grpcsse.
package config
