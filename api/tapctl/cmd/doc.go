// Package cmd is the command tapctl as a whole: its root command, with the verbs of packages
// manage, declare and observe under it, shell completion, man pages and the version.
//
// [Run] runs one call in the world that it is given, so that tests run it in process.
//
// Exit codes: 0 done; 1 refused, failed, or what was waited for is in error; 2 the command line is
// wrong; 3 what was waited for is still pending, or something deleted may still be on a switch.
package cmd
