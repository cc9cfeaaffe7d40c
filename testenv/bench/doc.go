// Command bench measures Tapline beside what its users would use instead, on real Open vSwitch on
// this machine, and prints one table. BENCHMARKS.md in the top folder holds what it printed, and
// says what each line means.
//
// Peers are measured in turn within one run, so that whatever else the machine does affects all of
// them equally. Compare times within one table only; processor time can be compared between tables.
//
//	bench [-bin DIR] [-only 1,2,...] [-quick] [-runs N] [-hosts N,N,...]
package main
