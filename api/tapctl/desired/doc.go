// Package desired compares documents that describe resources with the resources that the controller
// has, and works out the requests that bring these to what the documents say.
//
// The steps are: [Read] reads files into a [Resource] each; [NewCurrent] describes what the
// controller has in the same words; [Compare] finds a [Change] for each; [Steps] orders the
// requests so that none is refused because of another. Up to here nothing is sent. [Try] has the
// controller check all steps without making them, [Pin] checks that nobody else has changed what
// they are about, and [Step.Send] makes one.
//
// It does not parse command lines and prints nothing. Syntax and places in files are package
// api/document's.
package desired
