// Package cmd is the command line tapctl: its commands, flags, tables and exit codes.
//
// It talks to the controller through package client only, and to the world through an [App], so that tests run it in
// process. Each resource has a file with its commands; the verbs that are the same for all are in verb.go.
//
// Exit codes: 0 done; 1 refused, failed, or what was waited for is in error; 2 the command line is wrong; 3 what was waited
// for is still pending.
package cmd
