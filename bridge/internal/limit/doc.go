// Package limit bounds how much a bridge does at once. It knows neither HTTP nor streams.
package limit
