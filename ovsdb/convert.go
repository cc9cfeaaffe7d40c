package ovsdb

import "fmt"

// ConvertRow returns r with its values typed by the table's columns. Use it for the rows of a
// Select, which are parsed without a schema.
func (t *TableSchema) ConvertRow(r Row) (Row, error) {
	out := make(Row, len(r))
	for name, v := range r {
		column := t.Column(name)
		if column == nil {
			return nil, fmt.Errorf("table %s has no column %.40q", t.Name, name)
		}

		text, err := AppendValue(nil, v)
		if err == nil {
			out[name], err = ParseValue(text, &column.Type)
		}

		if err != nil {
			return nil, fmt.Errorf("table %s, column %s: %w", t.Name, name, err)
		}
	}

	return out, nil
}
