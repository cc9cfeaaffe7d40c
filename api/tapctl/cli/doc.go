// Package cli is the frame of every verb of tapctl: the world that one call sees, the flags that
// all verbs share, the connection to the controller, how errors are reported, and exit codes.
//
// It knows no verb. The verbs are in packages manage, declare and observe; package cmd puts them
// under one root command. An [App] serves one call and is used by one goroutine, except that
// requests and progress messages may come from goroutines which that call waits for.
package cli
