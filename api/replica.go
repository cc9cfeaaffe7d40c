package api

// NoLeader is the code of the problem that answers a request while no replica leads, or by one that
// does not lead any more. Nothing was done: the request can be sent again.
const NoLeader = "no_leader"

// CodeHeader has the code of a problem that a replica answers instead of the leader.
const CodeHeader = "Tapline-Problem"

// The roles of replicas.
const (
	RoleLeader  = "leader"
	RoleStandby = "standby"
)

// Replica is a controller of a set that shares one store. One of them leads.
type Replica struct {
	Name  string `json:"name"`
	URL   string `json:"url"`   // where its API is reached
	Role  string `json:"role"`  // RoleLeader or RoleStandby
	Since string `json:"since"` // RFC 3339: when it got this role
}

// ReplicaList is the answer to a list of replicas.
type ReplicaList struct {
	Replicas []Replica `json:"replicas"`
	Total    int       `json:"total"`
}
