// Package page has tests of the page in a browser, before controllers without switches. The tests
// with real switches are in testenv/e2e.
package page
