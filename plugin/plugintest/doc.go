// Package plugintest is the conformance suite of the plugin contract: what a controller relies on,
// whichever way a [plugin.Mirror] is reached. It checks the contract, not the planning of one
// implementation: which ports, mirrors and flows a program has is that implementation's own affair,
// as long as they are within what a controller applies.
package plugintest
