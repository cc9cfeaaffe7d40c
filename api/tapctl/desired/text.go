package desired

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Text is a value of a field within a line.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		return v
	}

	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.NewReplacer(`"`, "", ",", ", ").Replace(string(data))
}
