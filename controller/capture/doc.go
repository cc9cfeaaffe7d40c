// Package capture keeps live captures: what each has been sent by the switches, until its reader
// takes it. A capture that nobody reads fast enough loses its own packets and delays nobody.
//
// It knows neither how a capture gets onto a switch, which is the engine's part, nor who reads it.
package capture
