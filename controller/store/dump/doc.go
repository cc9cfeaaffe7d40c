// Package dump keeps the content of a store in a file, says how two contents differ, and checks
// that one is whole.
//
// A file has a JSON document a line. The first is the header: the form of the file, the cluster id
// and secret, the revision, an upper bound of the service keys that were given out, and the number
// of records. Each further line is a record: kind, id, revision and value. A file that was cut off
// has fewer lines than its header says, and is refused. The values are those of the store.
//
// The file has the cluster's secret and the digests of tokens, so only its owner may read it.
package dump
