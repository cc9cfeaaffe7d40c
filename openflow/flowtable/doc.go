// Package flowtable brings the OpenFlow flows of a switch to a wanted state: [Dump] reads what is
// installed, [Diff] compares it with what is wanted, [Apply] sends the difference as one atomic
// bundle, and [Watch] reports changes that other controllers make.
//
// Diff is pure and its result is sorted: the same input gives the same
// messages, and after they are applied it gives none. It compares what the
// switch compares: table, priority and match make a flow (its [Key]); cookie,
// instructions, timeouts and flags are its content.
//
// Groups, meters and the fragment mode are [Resources]: [DumpResources] reads them, [DiffGroups]
// and [DiffMeters] compare. Group-mods go into the bundle of the flows that use them
// ([ApplyMessages]). Meter-mods cannot: new meters go before it, and deletions after it.
//
// The package does not decide what flows there should be, keeps no state and
// never retries. If the outcome of Apply is unknown it says so, and its caller
// dumps and diffs again.
package flowtable
