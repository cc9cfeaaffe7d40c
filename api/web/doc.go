// Package web has the page that the controller serves at /ui/.
//
// The page is a client of the public API like any other. Its files lie in static as they are
// served: ES modules, a style sheet and one HTML file, without a build step and without code of
// others. [Handler] serves them under a strict Content-Security-Policy. The files tell nothing
// about the cloud, so everybody may read them; the token that a user types in goes to the API
// alone.
//
// The page's code has three layers. static/model is pure: formats, lists, the layout of the map,
// the parsers of event streams and of pcapng. static/api talks to the controller. static/view
// draws. Node tests the first, and a browser all of them together (testenv/page, testenv/e2e).
package web
