// Package storetest is what every [store.Store] has to pass: [Run] from a test of the implementation.
package storetest
