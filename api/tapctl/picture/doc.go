// Package picture turns what the controller knows into text for people: a topology as a tree or as
// a drawing for Graphviz or Mermaid, an explanation, and a plan.
//
// It is pure: it is given the answers of the API, and returns or writes text.
package picture
