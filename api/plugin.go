package api

// Plugin is a plugin of the controller.
type Plugin struct {
	Name     string `json:"name"`
	Version  string `json:"version"` // of the process that runs, or ran last
	Path     string `json:"path"`
	Status   Status `json:"status"` // ready or error
	Reason   string `json:"reason"`
	Since    string `json:"since"`    // RFC 3339: when that process was started
	Restarts int    `json:"restarts"` // because the plugin had ended
}

// PluginList answers a list of plugins.
type PluginList struct {
	Plugins []Plugin `json:"plugins"`
	Total   int      `json:"total"`
}
