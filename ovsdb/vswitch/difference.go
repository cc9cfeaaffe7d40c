package vswitch

import "fmt"

// Difference is a column in which two rows of a table differ, with the values for people to read.
type Difference struct {
	Column   string
	Was, Now string
}

// Differences tells in which columns of configuration two rows differ, in the order of the row type's fields.
func Differences[T Row](was, now *T) []Difference {
	switch was := any(was).(type) {
	case *OpenVSwitch:
		return differing(openVSwitchColumns(), was, any(now).(*OpenVSwitch))
	case *Bridge:
		return differing(bridgeColumns(), was, any(now).(*Bridge))
	case *Port:
		return differing(portColumns(), was, any(now).(*Port))
	case *Interface:
		return differing(interfaceColumns(), was, any(now).(*Interface))
	case *Mirror:
		return differing(mirrorColumns(), was, any(now).(*Mirror))
	case *Controller:
		return differing(controllerColumns(), was, any(now).(*Controller))
	case *Manager:
		return differing(managerColumns(), was, any(now).(*Manager))
	}
	return nil
}

func differing[T any](columns []column[T], was, now *T) []Difference {
	var out []Difference
	for _, c := range columns {
		if c.access == config && !c.equal(was, now) {
			out = append(out, Difference{c.name, c.text(was), c.text(now)})
		}
	}
	return out
}

// show writes a field for people; an empty column is [].
func show(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case map[string]string:
		return fmt.Sprintf("%q", v)
	case *int:
		if v != nil {
			return fmt.Sprint(*v)
		}
	case *UUID:
		switch {
		case v == nil:
		case isPlaceholder(*v):
			return "a new row"
		default:
			return v.String()
		}
	default:
		return fmt.Sprint(v)
	}
	return "[]"
}
