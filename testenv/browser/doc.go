// Package browser drives a Chromium for tests of the page.
//
// A [Browser] clicks and types as a user does: by the text that is to be seen, with events of a
// mouse and a keyboard. Everything that the page writes to its console as an error fails the test,
// unless the test has said that it expects it. [Browser.CheckAccess] has axe-core look at what is
// shown.
package browser
