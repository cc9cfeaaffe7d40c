// Package listing filters, orders and pages the lists that the API answers.
//
// A [List] knows the columns of one kind of resource. The parameters of a request choose from it;
// they satisfy the OpenAPI document already. The package is pure: it does no I/O and takes no
// locks.
package listing
