package kind

// WordsOf are the words that a field of a kind accepts, such as IN, OUT and BOTH for the direction
// of a tap flow; nil for fields that accept other values too. Completion and proposals use them;
// the controller says whether a word is right.
func WordsOf(kindWord, field string) []string {
	switch field {
	case "type":
		return map[string][]string{
			"tap-service": {"guest", "host"},
			"tap-flow":    {"vnic", "vswitch", "selector"},
		}[kindWord]
	case "vlan":
		return []string{"keep", "strip"}
	case "direction":
		return []string{"IN", "OUT", "BOTH"}
	case "status":
		return []string{"disabled", "pending", "ready", "error", "deleting"}
	case "role":
		return []string{"viewer", "operator", "admin"}
	case "outcome":
		return []string{"success", "refused", "denied", "failed"}
	case "enabled", "connected", "declared", "expired":
		return []string{"true", "false"}
	case "order_by_ip", "order_by_flow_count":
		return []string{"asc", "desc"}
	}
	return nil
}
