// Package storetest holds the tests that every [store.Store] has to pass. An implementation's own
// test calls [Run].
package storetest
