// Package declare has the verbs that work with documents and with changes that are not made: apply,
// diff, export and plan.
//
// What documents mean and how they compare with the controller is package desired's; this package
// parses the command lines and prints the results.
package declare
