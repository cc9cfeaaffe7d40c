package api

// Plugin is a plugin of the controller.
type Plugin struct {
	Name       string `json:"name"`
	Version    string `json:"version"` // of the running process, or the last one that ran
	Path       string `json:"path"`
	Status     Status `json:"status"` // ready or error
	Reason     string `json:"reason"`
	ReasonCode string `json:"reason_code"`
	Since      string `json:"since"`    // RFC 3339: when that process started
	Restarts   int    `json:"restarts"` // after the plugin had ended
}

// PluginList is the answer to a list of plugins.
type PluginList struct {
	Plugins []Plugin `json:"plugins"`
	Total   int      `json:"total"`
}
